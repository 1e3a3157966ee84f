// What fit tells: while it runs, after each epoch, and at its end.

import type { PerOutput } from '../data/named'

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
  /** Of each output of a graph that has several, by name. */
  readonly outputs?: Readonly<Record<string, OutputResult>>
}

/** What one epoch gave for one of several outputs: as in OutputHistory. */
export interface OutputResult {
  /** Mean over the batches of the epoch. */
  readonly loss: number
  /** The share of right answers in them. */
  readonly accuracy: number
  /** After the epoch; missing without validation. */
  readonly validationLoss?: number
  /** After the epoch; missing without validation. */
  readonly validationAccuracy?: number
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

/** Lists of measures of one of several outputs, an entry for each finished epoch. */
export interface OutputHistory {
  /** Means over the batches of an epoch, each before its step, without the weight of the loss and without regularisation. */
  loss: number[]
  /** Shares of right answers in them; NaN where the targets are values. */
  accuracy: number[]
  /** After each epoch; empty without validation. */
  validationLoss: number[]
  /** After each epoch; empty without validation. */
  validationAccuracy: number[]
}

/** What fit tells in the end; of a graph with named outputs, also of each. */
export type History<Out extends string = never> = RunHistory & PerOutput<Out, OutputHistory>

/** A list for each measure, an entry for each finished epoch. */
export interface RunHistory {
  /** Means over the batches of an epoch, each before its step. */
  loss: number[]
  /** Shares of right answers in them; NaN where the targets are values, or there are several outputs. */
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

/** The same while it is written. */
export type Written = RunHistory & { readonly outputs?: Readonly<Record<string, OutputHistory>> }

/** The history of a run that has not begun, of a network with such outputs. */
export function createHistory(outputs: readonly string[]): Written {
  const lists = () => ({ loss: [], accuracy: [], validationLoss: [], validationAccuracy: [] })
  return {
    ...(outputs.length && { outputs: Object.fromEntries(outputs.map((name) => [name, lists()])) }),
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

/** What of a history are lists, or holds them. */
export function partsWithLists({ outputs, loss, accuracy, validationLoss, validationAccuracy, learningRate }: Written) {
  return { ...(outputs && { outputs }), loss, accuracy, validationLoss, validationAccuracy, learningRate }
}

/** The lists of a history, by name; `outputs.digit.loss` of an output. */
export function listsOf(history: Written | undefined): [string, number[]][] {
  const { outputs = {}, ...all } = history ? partsWithLists(history) : {}
  const ofOutputs = Object.entries(outputs).flatMap(([output, one]) =>
    Object.entries(one).map(([name, list]): [string, number[]] => [`outputs.${output}.${name}`, list as number[]]),
  )
  return [...(Object.entries(all) as [string, number[]][]), ...ofOutputs]
}
