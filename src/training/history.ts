// What fit tells: while it runs, after each epoch, and at its end.

/** Where a run is; one object, updated in place, so keep a copy rather than the object. */
export interface Progress {
  /** 0, 1, ... */
  epoch: number
  /** Of the whole run; NaN where it ends after `steps` of batches whose number is not known, or does not end by itself. */
  epochs: number
  /** Batches done in this epoch. */
  batch: number
  /** Of an epoch; NaN where an iterable gives them. */
  batches: number
  /** Examples done in this epoch. */
  examples: number
  /** Of an epoch; NaN where an iterable gives them. */
  totalExamples: number
  /** Mean over the examples of this epoch so far. */
  loss: number
  /** Of this batch alone, before its step. */
  batchLoss: number
  /** The share of right answers in this epoch so far; NaN where the targets are values. */
  accuracy: number
  /** Of the last step. */
  learningRate: number
}

/** What one epoch gave. */
export interface EpochResult {
  /** 0, 1, ... */
  readonly epoch: number
  /** Mean over the batches of the epoch, each before its step. */
  readonly loss: number
  /** The share of right answers in them; NaN where the targets are values. */
  readonly accuracy: number
  /** After the epoch; missing without validation. */
  readonly validationLoss?: number
  /** After the epoch; missing without validation. */
  readonly validationAccuracy?: number
  /** Of the last step. */
  readonly learningRate: number
}

/** Where and how a run died. */
export interface Divergence {
  /** The epoch, 0, 1, ... */
  readonly epoch: number
  /** The step of the run that was not taken, 0, 1, ... */
  readonly step: number
  /** The loss there: NaN or infinite, unless it was the gradients that were too large or not finite. */
  readonly loss: number
  /** What is not finite, the first thing on its way through the network, and what to do. */
  readonly text: string
}

/** A list for each measure, an entry for each finished epoch. */
export interface History {
  /** Means over the batches of an epoch, each before its step. */
  loss: number[]
  /** Shares of right answers in them; NaN where the targets are values. */
  accuracy: number[]
  /** After each epoch; empty without validation. */
  validationLoss: number[]
  /** After each epoch; empty without validation. */
  validationAccuracy: number[]
  /** The rate of the last step of each epoch. */
  learningRate: number[]
  /** Steps done. */
  steps: number
  /** The epoch that was best by what is monitored (see EarlyStopping); -1 if none has ended. */
  bestEpoch: number
  /**
   * Why the run ended: all was done, its signal, a callback that gave false, early stopping, or a loss, gradients or
   * parameters that are not finite, which `diverged` explains.
   */
  stopped: 'end' | 'signal' | 'callback' | 'earlyStopping' | 'diverged'
  /** Whether the run was cancelled by its signal. */
  aborted: boolean
  /** Only where the run died. The parameters are those before the step that could not be taken. */
  diverged?: Divergence
}

/** The history of a run that has not begun. */
export function createHistory(): History {
  return {
    loss: [],
    accuracy: [],
    validationLoss: [],
    validationAccuracy: [],
    learningRate: [],
    steps: 0,
    bestEpoch: -1,
    stopped: 'end',
    aborted: false,
  }
}
