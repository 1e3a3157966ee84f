/** A network, layer or option that cannot work; found when the model is created, before anything is computed. */
export class PlanError extends Error {
  /** Tells errors apart where there are two copies of the library, and instanceof does not. */
  override name = 'PlanError'
}

/** Bad data handed to a model: wrong length, labels out of range, NaN. The model is as it was before. */
export class DataError extends Error {
  /** Tells errors apart where there are two copies of the library, and instanceof does not. */
  override name = 'DataError'
}

/** A file that is damaged or another than the one wanted: weights, data, preprocessing. The model is as it was before. */
export class FileError extends Error {
  /** Tells errors apart where there are two copies of the library, and instanceof does not. */
  override name = 'FileError'
}

/** Throws unless every key of `options` is in `allowed`. */
export function checkOptions(where: string, options: object, allowed: readonly string[]): void {
  if (options === null || typeof options !== 'object') {
    throw new PlanError(`${where}: options must be an object with ${list(allowed)}, got ${show(options)}`)
  }
  for (const key of Object.keys(options)) {
    if (!allowed.includes(key)) {
      throw new PlanError(
        `${where}: unknown option '${key}'; ${allowed.length ? `allowed: ${list(allowed)}` : 'it has no options'}`,
      )
    }
  }
}

/** Throws a PlanError where a promise is handed in for what it promises. */
export function checkNoPromise(where: string, value: unknown): void {
  if (typeof (value as PromiseLike<unknown> | null | undefined)?.then !== 'function') return
  throw new PlanError(`${where}: this is a promise: await it first, as in await createModel(...)`)
}

/** `value` if it is an integer of at least `min`, else a PlanError. */
export function integer(where: string, name: string, value: unknown, min: number): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min) return value
  throw new PlanError(`${where}: ${name} must be an integer of at least ${min}, got ${show(value)}`)
}

/** One or two integers, as [vertical, horizontal]. */
export function pair(where: string, name: string, value: unknown, min: number): [number, number] {
  if (Array.isArray(value)) {
    if (value.length !== 2) throw new PlanError(`${where}: ${name} must be one or two integers, got ${show(value)}`)
    return [integer(where, name, value[0], min), integer(where, name, value[1], min)]
  }
  const both = integer(where, name, value, min)
  return [both, both]
}

/** `value` if it is a finite number from min to max, else a PlanError. */
export function finite(where: string, name: string, value: unknown, min = -Infinity, max = Infinity): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max) return value
  const range = min === -Infinity ? '' : max === Infinity ? ` of at least ${min}` : ` from ${min} to ${max}`
  throw new PlanError(`${where}: ${name} must be a finite number${range}, got ${show(value)}`)
}

/** `value` if it is true or false, else a PlanError. */
export function flag(where: string, name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new PlanError(`${where}: ${name} must be true or false, got ${show(value)}`)
}

/** `value` if it is one of `choices`, else a PlanError. */
export function oneOf<T extends string>(where: string, name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T
  throw new PlanError(`${where}: ${name} must be ${list(choices.map((c) => `'${c}'`))}, got ${show(value)}`)
}

/** A value for an error message, short. */
export function show(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  const text = JSON.stringify(value) ?? String(value)
  return typeof value === 'number' ? String(value) : text.length > 60 ? `${text.slice(0, 57)}...` : text
}

function list(names: readonly string[]): string {
  return names.join(', ')
}
