// When a run writes its checkpoints. One at a time: while the last is still being kept, the next waits.

import { isPromise } from '../errors'
import type { FitSettings } from './options'
import type { Run } from './run'

/** What writes the checkpoints of a run. */
export interface Saver {
  /** After each step, and after each epoch. Throws what keeping a checkpoint threw. */
  look(): void
  /** Writes what is not written yet, and waits until all is kept. */
  finish(): Promise<void>
  /** Waits for what is being kept, whatever becomes of it: where the run ends by an error of its own. */
  abandon(): Promise<void>
}

/** Nothing to write. */
const NONE: Saver = { look() {}, async finish() {}, async abandon() {} }

/**
 * Writes checkpoints of `run`, which `take` gives, as `settings` say; none where it gives none. `wait` waits for what is
 * being kept.
 */
export function createSaver(
  settings: FitSettings['checkpoint'],
  run: Run,
  take: () => Uint8Array<ArrayBuffer> | undefined,
  wait: (kept: Promise<void> | undefined) => Promise<unknown>,
): Saver {
  if (!settings) return NONE
  const { unit, every, save } = settings
  let writing: Promise<void> | undefined
  let failed: { readonly thrown: unknown } | undefined
  let due = false
  /** Where the run was at the last checkpoint. */
  let written = positionOf(run)
  let time = Date.now()
  const check = () => {
    if (!failed) return
    const { thrown } = failed
    failed = undefined
    throw thrown
  }
  const write = () => {
    due = false
    written = positionOf(run)
    time = Date.now()
    const bytes = take()
    const kept: unknown = bytes && save(bytes)
    if (!isPromise(kept)) return
    const done = () => {
      writing = undefined
    }
    writing = Promise.resolve(kept).then(done, (thrown: unknown) => {
      failed = { thrown }
      done()
    })
  }
  return {
    look() {
      check()
      const { history, epoch, batch } = run
      if (unit === 'steps') due ||= batch > 0 && history.steps % every === 0
      else if (unit === 'epochs') due ||= batch === 0 && epoch % every === 0
      // A clock may also be set back.
      else due ||= Math.abs(Date.now() - time) >= every * 1000
      if (due && !writing) write()
    },
    async finish() {
      await wait(writing)
      check()
      if (run.history.diverged || positionOf(run) === written) return
      write()
      await wait(writing)
      check()
    },
    async abandon() {
      await wait(writing)
    },
  }
}

/** Another number after each step, and after each epoch: else a run does not change. */
function positionOf({ history, epoch }: Run): number {
  return history.steps + epoch
}
