// All that the studies ask of the inside of a model, so that each of them leaves it as it was, whatever happens.

import { type TypedNumbers, copyRows } from '../data/batches'
import { type AnyModel, coreOf } from '../model/core-of'
import type { Model } from '../model/model'
import { type Output, kindOf } from '../plan/calls'
import type { Tensor } from '../tensor'
import { needLoss, needOptimizer, needTraining, viewOf } from '../training/core'
import { type Besides, loadLengths } from '../training/counts'
import { loadBatch } from '../training/feed'
import { type See as Inspect, inspect, rateRange } from '../training/inspect'
import { restoreState, takeState } from '../training/state'
import { addDecay, decayLoss, runLosses } from '../training/losses'
import { beginForward, lossOfLoaded, runPass, settle } from '../training/step'

/** What a study may do with a model meanwhile. */
export interface Passes {
  /** Brings everything back to where it was, but gradients to zero. */
  reset(): void
  /** Switches what only regularises, such as dropout and l2, off until the next reset. */
  withoutRegularisation(): void
  /** Puts n checked rows, with their y if given, where the next pass finds them: order[first] and on, or the first n. */
  load(data: Loadable, n: number, order?: Order, first?: number): void
  /** A training step on the n loaded rows at this learning rate. Returns their loss before it. */
  step(n: number, rate: number): number
  /** The training loss of the n loaded rows; every call is the same pass again, with the same masks of dropout. */
  loss(n: number): number
  /** Adds to the gradients those of that same pass, with what l2 and l1 add; returns the gradients of the inputs. */
  gradients(n: number): readonly Tensor[]
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

/** Checked rows of the input and of the output, or for each of several. */
interface Loadable extends Besides {
  readonly x: TypedNumbers | readonly TypedNumbers[]
  readonly y?: TypedNumbers | readonly TypedNumbers[] | undefined
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
export function unchanged<T>(model: AnyModel, study: (passes: Passes) => T): T {
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
    load({ x, y, weight, lengths }, n, order, first = 0) {
      const examples = listOf(x)
      if (y) return loadBatch(core, { x: examples, y: listOf(y), rows: n, weight, lengths }, n, order, first)
      loadLengths(core, lengths, n, order, first)
      core.inputs.forEach(({ value, tensor }, i) => copyRows(examples[i], value.size, tensor.data, n, order, first))
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
      return core.inputs.map(({ value: { shape, size, gradient } }) => {
        const length = inputGradient && gradient ? n * size : 0
        return { shape: [n, ...shape], data: viewOf(core.dtype, core.engine.buffer, gradient?.pointer ?? 0, length) }
      })
    },
    disturbedLoss(n, disturb) {
      core.counters.passes = next
      inspect(core, n, ({ layer }, _, values) => disturb(values, kindOf(layer)), { gradient: false })
      return runLosses(core, false)
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
      for (const { tensor } of core.heads) tensor.data.fill(0)
      const { regularises } = core
      core.regularises = false
      const loss = runLosses(core, false)
      core.regularises = regularises
      return loss
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

function listOf(numbers: TypedNumbers | readonly TypedNumbers[]): readonly TypedNumbers[] {
  return ArrayBuffer.isView(numbers) ? [numbers] : numbers
}

/** The rates of a run of 1000 epochs or steps: the highest, and that which it begins with. */
export function ratesOf(model: Model<never>): { peak: number; first: number } {
  return rateRange(coreOf('babysit', model))
}

/** What a model was planned for: numbers of one example and of one output, and what its loss compares with. */
export function sizesOf(model: AnyModel) {
  const { inputs, heads, program, settings } = coreOf('this', model)
  const [{ value, classes, positions, targets = 'values' }] = heads
  return {
    inputSize: inputs[0].value.size,
    targetSize: value.size,
    /** 0 where the targets are values. */
    classes,
    /** Labels, or rows of values, in a row. */
    positions,
    targets,
    inputGradient: program.inputGradient,
    /** Whether the optimizer wants all rows at once. */
    fullBatch: settings.optimizer?.minimize !== undefined,
  }
}

/** Throws a PlanError unless `model` is a model that has what is needed. */
export function checkModel(where: string, model: AnyModel, ...needs: ('loss' | 'training' | 'optimizer')[]): void {
  const core = coreOf(where, model)
  settle(where, core)
  if (needs.includes('loss')) needLoss(where, core)
  if (needs.includes('training')) needTraining(where, core)
  if (needs.includes('optimizer')) needOptimizer(where, core)
}
