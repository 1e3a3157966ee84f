// Data that enter a network in its middle: what its frozen beginning made of examples, once, for many epochs.

import { DataError, PlanError } from '../errors'
import type { Core } from './core'

/** Where such data enter. */
export interface Door {
  readonly core: Core
  /** The model as if it began there: its input is what the frozen beginning gives. */
  readonly behind: Core
  /** Throws where the frozen beginning is not any more what it was. */
  check(where: string): void
}

const doors = /* @__PURE__ */ new WeakMap<object, Door>()

/** Says that these data enter there. */
export function putBehind(data: object, door: Door): void {
  doors.set(data, door)
}

/** The model as data see it: as if it began where they enter, or as it is. */
export function seenBy(where: string, core: Core, data: unknown): Core {
  const door = doors.get(data as object)
  if (!door) return core
  if (door.core !== core) throw new DataError(`${where}: these features are of another model`)
  door.check(where)
  return door.behind
}

/** Throws where a transform would find no examples. */
export function needExamples(where: string, { first }: Pick<Core, 'first'>, transform: unknown): void {
  if (!first || !transform) return
  throw new PlanError(
    `${where}: transform is for examples, but features are what a frozen body made of them; hand in the examples, or ` +
      'change them before features() gets them',
  )
}
