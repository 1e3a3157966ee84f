// All that the studies ask of the inside of a model, so that each of them leaves it as it was, whatever happens.

import { type TypedNumbers, copyRows } from '../data/batches'
import { coreOf } from '../model/core-of'
import type { Model } from '../model/model'
import { type Output, kindOf } from '../plan/calls'
import { runLoss, weigh } from '../plan/run'
import type { Tensor } from '../tensor'
import { needLoss, needOptimizer, needTraining, viewOf } from '../training/core'
import { loadBatch } from '../training/feed'
import { type See as Inspect, inspect, rateRange } from '../training/inspect'
import { restoreState, takeState } from '../training/state'
import { addDecay, beginForward, decayLoss, lossOfLoaded, runPass, settle } from '../training/step'

/** What a study may do with a model meanwhile. */
export interface Passes {
  /** Brings everything back to where it was, but gradients to zero. */
  reset(): void
  /** Switches what only regularises, such as dropout and l2, off until the next reset. */
  withoutRegularisation(): void
  /** Puts n checked rows, with their y if given, where the next pass finds them: order[first] and on, or the first n. */
  load(data: { readonly x: TypedNumbers; readonly y?: TypedNumbers }, n: number, order?: Order, first?: number): void
  /** A training step on the n loaded rows at this learning rate. Returns their loss before it. */
  step(n: number, rate: number): number
  /** The training loss of the n loaded rows; every call is the same pass again, with the same masks of dropout. */
  loss(n: number): number
  /** Adds to the gradients those of that same pass, with what l2 and l1 add; returns the gradient of the input. */
  gradients(n: number): Tensor
  /**
   * The same two where `disturb` changes the values of each layer, right after they are written: as if the network were
   * a slightly other one.
   */
  disturbedLoss(n: number, disturb: Disturb): number
  disturbedGradients(n: number, disturb: Disturb): void
  /** The loss of the n loaded rows if all outputs were 0, without regularisation. */
  lossOfZeros(n: number): number
  /** What regularisation adds to the loss. */
  penalty(): number
  /**
   * That same pass forward and, with `gradient`, back: shows each layer's output and then each one's gradient. Forward
   * alone it can be a pass of evaluation.
   */
  see(n: number, gradient: boolean, show: See, training?: boolean): void
}

/** Numbers of rows. */
type Order = ArrayLike<number>

/** Shows the values of a layer while they are there, or the gradients by them. */
export type See = (output: Output, values: Tensor['data'], isGradient: boolean) => void

/** Changes the values of a layer of this kind. */
export type Disturb = (values: Tensor['data'], kind: string) => void

/**
 * Runs `study` on a model between two steps: one that fit has begun is ended first. Puts back all that training changes
 * when it is done, and also when something throws, such as a layer or a loss of the user's.
 */
export function unchanged<T>(model: Model<never>, study: (passes: Passes) => T): T {
  const core = coreOf('this', model)
  settle('this study', core)
  const state = takeState(core)
  const next = core.counters.passes
  const passes: Passes = {
    reset() {
      restoreState(core, state)
      core.allGradients.fill(0)
    },
    withoutRegularisation: () => void (core.regularises = false),
    load({ x, y }, n, order, first = 0) {
      if (y) loadBatch(core, { x, y, rows: n }, n, order, first)
      else copyRows(x, core.input.size, core.tensors.input.data, n, order, first)
    },
    step: (n, rate) => runPass(core, n, true, rate).loss,
    loss(n) {
      core.counters.passes = next
      return lossOfLoaded(core, n, false)
    },
    gradients(n) {
      core.counters.passes = next
      const { inputGradient } = core.program
      lossOfLoaded(core, n, true, inputGradient)
      addDecay(core)
      const { dtype, engine, input } = core
      const length = inputGradient ? n * input.size : 0
      return { shape: [n, ...input.shape], data: viewOf(dtype, engine.buffer, input.gradient!.pointer, length) }
    },
    disturbedLoss(n, disturb) {
      core.counters.passes = next
      inspect(core, n, ({ layer }, _, values) => disturb(values, kindOf(layer)), { gradient: false })
      return runLoss(core.run, weigh(core.run), false) + decayLoss(core)
    },
    disturbedGradients(n, disturb) {
      core.counters.passes = next
      const see: Inspect = ({ layer }, what, values) => {
        if (what === 'activations') disturb(values, kindOf(layer))
      }
      inspect(core, n, see, { gradient: true, toInput: core.program.inputGradient })
      addDecay(core)
    },
    lossOfZeros(n) {
      beginForward(core, n, false)
      core.tensors.output.data.fill(0)
      return runLoss(core.run, weigh(core.run), false)
    },
    penalty: () => decayLoss(core),
    see(n, gradient, show, training) {
      core.counters.passes = next
      const look = { gradient, ...(training !== undefined && { training }) }
      inspect(core, n, (output, what, values) => show(output, values, what === 'gradients'), look)
    },
  }
  try {
    return study(passes)
  } finally {
    restoreState(core, state)
    // The values between the layers are those of the study, of which no backward pass may go on.
    core.rows = 0
  }
}

/** The rates of a run of 1000 epochs or steps: the highest, and that which it begins with. */
export function ratesOf(model: Model<never>): { peak: number; first: number } {
  return rateRange(coreOf('babysit', model))
}

/** What a model was planned for: numbers of one example and of one output, and what its loss compares with. */
export function sizesOf(model: Model<never>) {
  const { input, output, classes, loss, program, settings } = coreOf('this', model)
  return {
    inputSize: input.size,
    targetSize: output.size,
    /** 0 where the targets are values. */
    classes,
    targets: loss?.targets ?? 'values',
    inputGradient: program.inputGradient,
    /** Whether the optimizer wants all rows at once. */
    fullBatch: settings.optimizer?.minimize !== undefined,
  }
}

/** Throws a PlanError unless `model` is a model that has what is needed. */
export function checkModel(where: string, model: Model<never>, ...needs: ('loss' | 'training' | 'optimizer')[]): void {
  const core = coreOf(where, model)
  settle(where, core)
  if (needs.includes('loss')) needLoss(where, core)
  if (needs.includes('training')) needTraining(where, core)
  if (needs.includes('optimizer')) needOptimizer(where, core)
}
