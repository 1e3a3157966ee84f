// A run that goes on from a checkpoint: whether it can, and how its data get to where it was.

import { DataError, FileError, PlanError, note } from '../errors'
import type { Floats } from '../tensor'
import { type Core, type Counters, type Fingerprint, needOpen } from './core'
import type { Feed } from './feed'
import type { FitSettings } from './options'
import type { Run } from './run'
import { unlessEnded } from './wait'

/** A checkpoint that was read and fits the model, which it has not changed yet. */
export interface Restored {
  /** Undefined where it was taken outside of fit. */
  readonly run: Run | undefined
  readonly counters: Counters
  readonly fingerprint: Fingerprint
  readonly kept: Readonly<Record<string, readonly Floats[]>>
  /** Brings the model to its state. */
  apply(): void
}

/** What makes checkpoints of a model, and reads them. */
export interface Checkpointing {
  take(core: Core): Uint8Array<ArrayBuffer>
  read(where: string, core: Core, bytes: unknown): Restored
}

/** Throws where a run cannot go on from a checkpoint; `is` tells its data, unless they may be others. */
export function checkResumed(
  { run, fingerprint, kept }: Restored,
  { earlyStopping, epochs }: FitSettings,
  is: Fingerprint | undefined,
) {
  if (!run) {
    throw new FileError(
      'fit: the checkpoint of resume was taken while no fit ran, so there is no run to go on with; ' +
        'call model.restore(bytes), then fit without resume',
    )
  }
  if (is) checkSame(fingerprint, is)
  const { stopped } = run.history
  if (stopped !== 'end' && epochs > run.epochs) {
    note(
      `fit: the run of the checkpoint has ended (${stopped}): nothing is trained; to train on, model.restore(bytes), then ` +
        `fit with initialEpoch: ${run.epoch}`,
    )
  }
  if (!earlyStopping?.restoreBest || run.history.bestEpoch < 0 || kept.best) return
  throw new PlanError(
    'fit: earlyStopping.restoreBest: the checkpoint was written by a run without it, which has not kept its best weights',
  )
}

/** Throws a DataError that says in what the data of a run are not those of its checkpoint. */
function checkSame(was: Fingerprint, is: Fingerprint): void {
  for (const [name, value] of Object.entries(is)) {
    if (was[name] === value) continue
    throw new DataError(
      `fit: this run is not over what that of the checkpoint was: ${name}: ${was[name] ?? 'none'} there, ${value} ` +
        "here; hand in the data and the options of that run, or resume: { bytes, data: 'changed' } to go on all the same",
    )
  }
}

/**
 * Leaves out what the run had of its epoch in work; returns the checksum of that. Throws a DataError where an iterable has
 * less, or something else.
 */
export async function wind(
  core: Core,
  feed: Feed,
  { epoch, batch, seen }: Run,
  changed: boolean,
  signal: AbortSignal | undefined,
): Promise<string> {
  feed.skip(batch)
  if (Number.isFinite(feed.batches)) return seen
  const problem = (what: string) =>
    new DataError(
      `fit: resume: the iterable ${what} of epoch ${epoch}; it must give the batches that it gave before, as a function ` +
        "of the epoch, which it gets; resume: { bytes, data: 'changed' } takes what comes",
    )
  let sum = ''
  for (let i = 0; i < batch; i++) {
    const found = await unlessEnded(core, feed.next(), signal)
    needOpen('fit', core)
    if (signal?.aborted) return seen
    if (found) sum = feed.sumWith(sum)
    else if (changed) return sum
    else throw problem(`ended after ${i} of the ${batch} batches that were done`)
  }
  if (!changed && seen && sum !== seen) throw problem(`gave others for the first ${batch} batches`)
  return sum
}
