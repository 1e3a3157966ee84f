// What recurrent layers share: how they are planned. The kernels, and the order of what they keep, are in
// assembly/recurrent.ts and src/kernels/recurrent-kinds.ts.

import { MAX_SIZE, PlanError, checkOptions, few, flag, integer, oneOf } from '../errors'
import type { Initializer } from '../initializers'
import { GEMM_SCRATCH, LONG } from '../kernels/blocking'
import { GRU, gatesOf, keptOf, packedColumns, recurrentScratch, slopesOf, statesOf } from '../kernels/recurrent-kinds'
import { N, times } from '../plan/calls'
import type { Plan } from '../plan/plan'
import type { Part, Place, Reference, Value } from '../plan/value'
import { checkInitializer } from './weights'

/** What all recurrent layers can be told. */
export interface RecurrentOptions {
  /**
   * 'last': (N, units), the state after the last step; 'all': (N, T, units), that after each. 'last' unless given.
   */
  output?: 'last' | 'all'
  /**
   * Whether a second direction, with weights of its own, goes from the end to the beginning. Its outputs stand behind
   * those of the first: 2 units for each step, or after the last step of each direction. false unless given.
   */
  bidirectional?: boolean
  /**
   * Whether row i of a batch goes on from the state that row i of the batch before ended with, as Keras has it, instead of
   * 0: for sequences that are cut into pieces. No gradient goes back into the batch before. fit wants `shuffle: false`, and
   * begins each epoch with 0; see also Model.resetState. false unless given.
   */
  stateful?: boolean
  /** Fills the weights; uniform numbers within ± 1 / √units, as PyTorch has it, unless given. Biases are such always. */
  init?: Initializer
}

/** The same, checked. */
export interface Recurrent {
  readonly kind: number
  readonly units: number
  readonly output: 'last' | 'all'
  readonly bidirectional: boolean
  readonly stateful: boolean
  readonly init: Initializer | undefined
}

const OPTIONS = ['output', 'bidirectional', 'stateful', 'init'] as const

/** Throws a PlanError unless the options are those of the layer `where`, and `more`. */
export function checkRecurrent(
  where: string,
  kind: number,
  units: unknown,
  options: RecurrentOptions,
  more: readonly string[] = [],
): Recurrent {
  options = checkOptions(where, options, [...OPTIONS, ...more])
  const bidirectional = flag(where, 'bidirectional', options.bidirectional ?? false)
  const stateful = flag(where, 'stateful', options.stateful ?? false)
  if (bidirectional && stateful) {
    throw new PlanError(
      `${where}: stateful and bidirectional: the second direction begins at the end of what has not come yet; leave one out`,
    )
  }
  return {
    kind,
    units: integer(where, 'units', units, 1, MAX_SIZE),
    output: oneOf(where, 'output', options.output ?? 'last', ['last', 'all']),
    bidirectional,
    stateful,
    init: checkInitializer(where, options.init),
  }
}

/** The config of such a layer. */
export function configOf({ units, output, bidirectional, stateful, init }: Recurrent, more: object = {}): object {
  return { units, ...more, output, bidirectional, stateful, ...(init && { init: { kind: init.kind, ...init.config } }) }
}

/** Additions and multiplications that a call does at most, about 10 ms: between calls there may be pauses. */
const MOST_FLOPS = 2 ** 28
/** Of a product that is made in parts, the least columns: each packs the same rows anew. */
const LEAST_COLUMNS = 256

/** `count` in parts, of which each takes `flops` for one. */
function partsOf(count: number, flops: number, least = 1): { first: number; size: number }[] {
  const size = Math.min(count, Math.max(least, Math.ceil(MOST_FLOPS / flops)))
  return Array.from({ length: Math.ceil(count / size) }, (_, i) => ({
    first: i * size,
    size: Math.min(size, count - i * size),
  }))
}

function part(within: Value | Place, offset: number): Part {
  return { within, offset }
}

/** Plans the layer on x: sequences [T, D]. */
export function planRecurrent(x: Value, plan: Plan, of: Recurrent): Value {
  const { units, output, bidirectional } = of
  const time = sequenceOf(x, plan)
  const width = bidirectional ? 2 * units : units
  const y = plan.value(output === 'all' ? [time, width] : [width])
  planDirection(x, plan, of, y, 0)
  if (bidirectional) planDirection(x, plan, of, y, 1)
  return y
}

/** T of an input [T, D], or a PlanError where it is none. */
function sequenceOf({ shape }: Value, plan: Plan): number {
  if (shape.length === 2) return shape[0]
  const hint =
    shape.length === 1
      ? `one number at each of ${shape[0]} steps is an input of [${shape[0]}, 1]`
      : 'reshape makes one row of what belongs to a step'
  throw plan.error(`wants sequences (T, D), got an input of shape (${few(shape)}); ${hint}`)
}

/** Uniform numbers within ± limit. */
function uniform(limit: number): Initializer {
  return {
    kind: 'uniform',
    config: { limit },
    fill(values, _fanIn, _fanOut, random) {
      for (let i = 0; i < values.length; i++) values[i] = limit * (2 * random.uniform() - 1)
    },
  }
}

/** One direction, the first or, `reverse` being 1, the second. */
function planDirection(
  x: Value,
  plan: Plan,
  { kind, units, output, stateful, init }: Recurrent,
  y: Value,
  reverse: 0 | 1,
): void {
  const [time, inputs] = x.shape
  const { batch, bytes, lengths } = plan
  const gates = gatesOf(kind) * units
  const suffix = reverse ? '_l0_reverse' : '_l0'
  const initial = uniform(1 / Math.sqrt(units))
  const weights = (name: string, columns: number) =>
    plan.parameter(name + suffix, [gates, columns], {
      init: init ?? initial,
      fanIn: columns,
      fanOut: units,
      decay: true,
    })
  const biases = (name: string) =>
    plan.parameter(name + suffix, [gates], { init: initial, fanIn: 1, fanOut: 1, decay: false })
  const inputWeight = weights('weight_ih', inputs)
  const stateWeight = weights('weight_hh', units)
  const inputBias = biases('bias_ih')
  const stateBias = biases('bias_hh')

  const rows = times(time)
  const ofSteps = (values: number) => plan.saved(batch * time * values * bytes)
  const keptWidth = keptOf(kind) * units
  const kept = ofSteps(keptWidth)
  // h before each step; only backward wants it.
  const previous = y.gradient && ofSteps(units)
  const all = output === 'all' ? 1 : 0
  const yRow = y.shape.at(-1)!
  const scratch = recurrentScratch(kind, units, bytes)
  const ofLoop = (first: number, size: number, begun: boolean) =>
    [N, time, units, kind, reverse, first, first + size, Number(begun), all, yRow] as const
  // See assembly/part.ts.
  const variant = Math.max(inputs, units, batch * time) > LONG ? undefined : 0
  const steps = partsOf(time, 2 * batch * units * gates)

  // What the inputs give, of all steps, where the gates are to be.
  for (const { first, size } of partsOf(gates, 2 * batch * time * inputs, LEAST_COLUMNS)) {
    plan.forward('denseForward', {
      sizes: [rows, inputs, size, keptWidth],
      variant,
      reads: [x, part(inputWeight, first * inputs), undefined],
      scratch: GEMM_SCRATCH,
      writes: [part(kept, first)],
      flops: 2 * time * inputs * size,
    })
  }
  const packed = plan.saved(units * packedColumns(gates, bytes) * bytes)
  plan.forward('packWeights', { sizes: [units, gates, 1, units], reads: [stateWeight], writes: [packed] })
  const state = statesOf(kind) * units
  const carried = stateful ? plan.carried(stateWeight, [statesOf(kind), units]) : undefined
  const carry = carried ? carried.after : plan.saved(batch * state * bytes)
  if (carried) {
    // Of the whole batch: rows that are not in use keep theirs.
    plan.forward('copyBlocks', { sizes: [batch, state, state, state], reads: [carried.before], writes: [carry] })
  }
  for (const { first, size } of steps) {
    const isLast = first + size === time
    plan.forward('recurrentForward', {
      sizes: ofLoop(first, size, stateful || first > 0),
      reads: [kept, inputBias, stateBias, packed, lengths],
      updates: [kept],
      scratch,
      writes: [previous, carry, all || isLast ? part(y, reverse * units) : undefined],
      flops: 2 * size * units * gates,
    })
  }

  const { gradient } = y
  if (!gradient || !previous) return
  const slopeWidth = slopesOf(kind) * units
  const slopes = ofSteps(slopeWidth)
  const packedBack = plan.saved(gates * packedColumns(units, bytes) * bytes)
  const sumsOfRows = plan.saved(batch * slopeWidth * bytes)
  const carryBack = plan.saved(batch * state * bytes)
  plan.backward('packWeights', { sizes: [gates, units, units, 1], reads: [stateWeight], writes: [packedBack] })
  for (const { first, size } of steps.toReversed()) {
    plan.backward('recurrentBackward', {
      sizes: ofLoop(first, size, first + size < time),
      reads: [kept, kind === GRU ? previous : undefined, packedBack, lengths, part(gradient, reverse * units)],
      scratch,
      writes: [carryBack, slopes, sumsOfRows],
    })
  }
  /** Adds the gradient of some rows of a weight, which has `columns`, by those of the slopes from `from` on. */
  const weightGradient = (
    of: Value | Place,
    columns: number,
    to: Place | undefined,
    count: number,
    from = 0,
    row = 0,
  ) => {
    for (const { first, size } of partsOf(count, 2 * batch * time * columns, LEAST_COLUMNS)) {
      plan.backward('denseBackwardWeight', {
        sizes: [rows, columns, columns, size, slopeWidth],
        variant,
        reads: [of, part(slopes, from + first)],
        scratch: GEMM_SCRATCH,
        writes: [to && part(to, (row + first) * columns)],
      })
    }
  }
  // A GRU's slopes of V h + c, for n, are behind those of the inputs.
  const shared = kind === GRU ? 2 * units : gates
  weightGradient(x, inputs, inputWeight.gradient, gates)
  weightGradient(previous, units, stateWeight.gradient, shared)
  if (shared < gates) weightGradient(previous, units, stateWeight.gradient, units, gates, shared)
  if (inputBias.gradient || stateBias.gradient) {
    const sums = plan.saved(slopeWidth * bytes)
    plan.backward('fill', { sizes: [slopeWidth, 0], reads: [], writes: [sums] })
    plan.backward('addChannelSums', { sizes: [N, slopeWidth, slopeWidth, 1], reads: [sumsOfRows], writes: [sums] })
    const addSums = (to: Place | undefined, count: number, from = 0, at = 0) => {
      const place: Reference = to && part(to, at)
      plan.backward('add', { sizes: [count], reads: [place, part(sums, from)], writes: [place] })
    }
    addSums(inputBias.gradient, gates)
    addSums(stateBias.gradient, shared)
    if (shared < gates) addSums(stateBias.gradient, units, gates, shared)
  }
  // dx = slopes W, and of the second direction added to that of the first.
  for (const { first, size } of partsOf(inputs, 2 * batch * time * gates, LEAST_COLUMNS)) {
    plan.backward('gemm', {
      sizes: [rows, size, gates, slopeWidth, 1, inputs, 1, inputs, reverse],
      reads: [slopes, part(inputWeight, first)],
      scratch: GEMM_SCRATCH,
      writes: [x.gradient && part(x.gradient, first)],
    })
  }
}
