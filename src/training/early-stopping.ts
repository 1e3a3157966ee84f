// Early stopping: watches one measure, epoch by epoch.

import type { Core } from './core'
import type { EpochResult } from './history'
import type { FitSettings } from './options'
import type { Run } from './run'
import { keepWeights } from './state'

/** What early stopping keeps of a model: the weights of the best epoch, if they are to come back. */
export interface Watch {
  /** Whether the run has to end after this epoch. */
  see(run: Run, result: EpochResult): boolean
  /** Brings the best weights back, if that is wanted and there were any. */
  finish(run: Run): void
}

export function createWatch(core: Core, earlyStopping: FitSettings['earlyStopping'], validated: boolean): Watch {
  const monitor = earlyStopping?.monitor ?? (validated ? 'validationLoss' : 'loss')
  const sign = monitor.endsWith('ccuracy') ? -1 : 1
  const weights = earlyStopping?.restoreBest ? keepWeights(core) : undefined
  return {
    see({ best, history }, result) {
      const value = sign * result[monitor]!
      best.waited++
      if (value < best.value - (earlyStopping?.minDelta ?? 0)) {
        best.value = value
        best.waited = 0
        history.bestEpoch = result.epoch
        weights?.take()
      }
      return earlyStopping !== undefined && best.waited >= earlyStopping.patience
    },
    finish({ history }) {
      if (history.bestEpoch >= 0) weights?.restore()
    },
  }
}
