// Errors on their way between two threads: each comes out as its own class.

import { DataError, FileError, PlanError, show } from '../errors'
import type { PlainError } from './protocol'

const CLASSES: Readonly<Record<string, new (message: string, options?: ErrorOptions) => Error>> = {
  PlanError,
  DataError,
  FileError,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

/** So many causes, one behind the other, go with an error. */
const MOST_CAUSES = 8

/** In the worker: stands for something that the code of the page threw. */
export class Thrown extends Error {
  readonly id: number

  constructor({ thrown = NaN, message }: PlainError) {
    super(message)
    this.id = thrown
  }
}

/** What was thrown, as plain data. */
export function toPlain(error: unknown, causes = MOST_CAUSES): PlainError {
  if (!(error instanceof Error)) return { name: 'Error', message: show(error) }
  const { name, message, stack, cause } = error
  return {
    ...(error instanceof Thrown && { thrown: error.id }),
    name: textOf(name),
    message: textOf(message),
    ...(stack !== undefined && { stack: textOf(stack) }),
    ...(cause !== undefined && causes > 0 && { cause: toPlain(cause, causes - 1) }),
  }
}

/** Errors of other code may have there what cannot be posted. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : show(value)
}

/** The error again; `thrown` is what the page's own code threw, by number. */
export function fromPlain(plain: PlainError, thrown: ReadonlyMap<number, unknown>): unknown {
  const { name, message, stack, cause } = plain
  if (plain.thrown !== undefined && thrown.has(plain.thrown)) return thrown.get(plain.thrown)
  const options = cause && { cause: fromPlain(cause, thrown) }
  const error = Object.hasOwn(CLASSES, name) ? new CLASSES[name](message, options) : new Error(message, options)
  if (error.name !== name) error.name = name
  // Where it was thrown says more than where it arrived.
  if (stack) error.stack = stack
  return error
}
