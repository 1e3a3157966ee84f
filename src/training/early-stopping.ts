// Early stopping: watches one measure, epoch by epoch.

import type { Floats } from '../tensor'
import type { Core } from './core'
import type { EpochResult } from './history'
import type { FitSettings, Monitor } from './options'
import type { Run } from './run'
import { keepWeights } from './state'

/** What early stopping keeps of a model: the weights of the best epoch, if they are to come back. */
export interface Watch {
  /** Comes before each step. */
  beforeStep(): void
  /** Whether the run has to end after this epoch. */
  see(run: Run, result: EpochResult): boolean
  /** Brings the best weights back, if that is wanted and there were any. */
  finish(run: Run): void
  /** The weights that a run needs to go on: 'best', and 'before' the last step, as far as it has such. */
  kept(run: Run): Partial<Record<'best' | 'before', readonly Floats[]>>
}

/** Watches a run that begins, or one that goes on with the weights that it `kept`. */
export function createWatch(
  core: Core,
  earlyStopping: FitSettings['earlyStopping'],
  monitor: Monitor,
  kept?: Readonly<Record<string, readonly Floats[]>>,
): Watch {
  const sign = monitor.endsWith('ccuracy') ? -1 : 1
  // What training measures is of the weights before a step: those after the last may be ruined, and nobody would know.
  const ofTraining = !monitor.startsWith('validation')
  let best = earlyStopping?.restoreBest ? keepWeights(core) : undefined
  let measured = best && ofTraining ? keepWeights(core) : best
  kept?.best?.forEach((data, i) => best?.data[i].set(data))
  kept?.before?.forEach((data, i) => measured?.data[i].set(data))
  return {
    beforeStep() {
      if (ofTraining) measured?.take()
    },
    see({ best: seen, history }, result) {
      const value = sign * result[monitor]!
      seen.waited++
      if (value < seen.value - (earlyStopping?.minDelta ?? 0)) {
        seen.value = value
        seen.waited = 0
        history.bestEpoch = result.epoch
        if (!ofTraining) measured?.take()
        ;[best, measured] = [measured, best]
      }
      return earlyStopping !== undefined && seen.waited >= earlyStopping.patience
    },
    finish({ history }) {
      if (history.bestEpoch >= 0) best?.restore()
    },
    kept({ history, batch }) {
      return {
        ...(best && history.bestEpoch >= 0 && { best: best.data }),
        ...(measured && ofTraining && batch && { before: measured.data }),
      }
    },
  }
}
