// Recurrent layers, in one direction and in both, and what is done to each step.

import { isObject, quote, show } from '../../../errors'
import { gru } from '../../../layers/gru'
import { add, multiply } from '../../../layers/joins'
import { lstm } from '../../../layers/lstm'
import type { RecurrentOptions } from '../../../layers/recurrent'
import { rnn } from '../../../layers/rnn'
import { take } from '../../../layers/take'
import type { Layer } from '../../../plan/layer'
import { type At, type Handler, beside, channelsOf, checkAxes, main, put, turned, weightOf } from '../at'
import { transpose } from '../../transpose'
import { configOf } from '../config'
import { member } from '../file'
import type { Value } from '../values'
import { scaled } from './scale'

type Kind = 'LSTM' | 'GRU' | 'SimpleRNN'

/** Gates, and where Keras has those of ours. */
const GATES: Readonly<Record<Kind, readonly number[]>> = {
  // i, f, g, o in both.
  LSTM: [0, 1, 2, 3],
  // Keras: z, r, n; here r, z, n.
  GRU: [1, 0, 2],
  SimpleRNN: [0],
}

/** What of a layer must be as it is here; gives what makes it. */
function makerOf(at: At, kind: Kind): (units: number, options: RecurrentOptions) => Layer {
  const { config } = at
  const activation = config.text('activation', 'tanh')
  if (kind === 'SimpleRNN') {
    if (activation !== 'tanh' && activation !== 'relu')
      throw at.fail(`has the activation ${quote(activation)}, not tanh or relu`)
    return (units, options) => rnn(units, { ...options, activation })
  }
  if (activation !== 'tanh') throw at.fail(`has the activation ${quote(activation)}; here it is tanh`)
  const gates = config.text('recurrent_activation', at.dialect === 'tfjs' ? 'hard_sigmoid' : 'sigmoid')
  if (gates !== 'sigmoid') {
    throw at.fail(
      `has the recurrent_activation ${quote(gates)}, which TensorFlow.js takes unless told; gates here are sigmoids: ` +
        "train it with recurrentActivation: 'sigmoid'",
    )
  }
  if (kind === 'LSTM') return lstm
  if (!config.flag('reset_after', at.dialect !== 'tfjs')) {
    throw at.fail(
      'is a GRU with reset_after false, as TensorFlow.js has them all, which multiplies the state by r before the weights; ' +
        'here that comes after: train it in Keras with reset_after, or take an LSTM',
    )
  }
  return gru
}

function refuseModes(at: At): void {
  const modes = {
    return_state: 'gives its state as well',
    go_backwards: 'goes backwards, which here only a Bidirectional does',
    time_major: 'has the steps before the batch',
  }
  for (const [name, what] of Object.entries(modes)) if (at.config.flag(name, false)) throw at.fail(what)
}

/** The weights of one direction, whose names end so. `path` is that of the cell in names of weights; `place`, its first. */
function putDirection(
  at: At,
  kind: Kind,
  inputs: number,
  units: number,
  suffix: string,
  path: string,
  place: number,
): void {
  const order = GATES[kind]
  const gates = order.length * units
  const names = (variable: string) => [`${path}${variable}`]
  const sorted = (data: Float32Array<ArrayBuffer>, columns: number) => {
    const to = new Float32Array(data.length)
    const block = units * columns
    order.forEach((from, gate) => to.set(data.subarray(from * block, (from + 1) * block), gate * block))
    return to
  }
  const matrix = (variable: string, rows: number, at_: number) =>
    sorted(transpose(weightOf(at, names(variable), place + at_, [rows, gates]), [rows, gates], [1, 0]), rows)
  put(at, `weight_ih_l0${suffix}`, [gates, inputs], matrix('kernel', inputs, 0))
  put(at, `weight_hh_l0${suffix}`, [gates, units], matrix('recurrent_kernel', units, 1))
  let [input, state] = [new Float32Array(gates), new Float32Array(gates)]
  if (at.config.flag('use_bias', true)) {
    if (kind === 'GRU') {
      const both = weightOf(at, names('bias'), place + 2, [2, gates])
      input = sorted(both.slice(0, gates), 1)
      state = sorted(both.slice(gates), 1)
    } else input = sorted(weightOf(at, names('bias'), place + 2, [gates]), 1)
  }
  put(at, `bias_ih_l0${suffix}`, [gates], input)
  put(at, `bias_hh_l0${suffix}`, [gates], state)
}

const recurrent =
  (kind: Kind): Handler =>
  (at, x) => {
    checkAxes(at, x, 2, 'sequences (steps, features)')
    const make = makerOf(at, kind)
    refuseModes(at)
    const units = at.config.whole('units')
    const all = at.config.flag('return_sequences', false)
    const stateful = at.config.flag('stateful', false)
    putDirection(at, kind, channelsOf(at, x), units, '', '', 0)
    const shape = all ? [x.shape[0], units] : [units]
    const layer = () => make(units, { output: all ? 'all' : 'last', ...(stateful && { stateful }) })
    return main(at, layer, turned(at, x, false), { shape })
  }

const KINDS = new Set<unknown>(Object.keys(GATES))

const bidirectional: Handler = (at, x) => {
  checkAxes(at, x, 2, 'sequences (steps, features)')
  const { kind, inner } = wrapped(at)
  if (!KINDS.has(kind))
    throw at.fail(`wraps a ${show(kind)}; here it is an LSTM, a GRU or a SimpleRNN in both directions`)
  const of = { ...at, config: inner }
  const make = makerOf(of, kind as Kind)
  refuseModes(of)
  if (inner.flag('stateful', false)) throw at.fail('is stateful, which layers of both directions here are not')
  const units = inner.whole('units')
  const all = inner.flag('return_sequences', false)
  const weights = inner.flag('use_bias', true) ? 3 : 2
  const inputs = channelsOf(at, x)
  putDirection(of, kind as Kind, inputs, units, '', 'forward_', 0)
  putDirection(of, kind as Kind, inputs, units, '_reverse', 'backward_', weights)
  const lead = all ? [x.shape[0]] : []
  const layer = () => make(units, { output: all ? 'all' : 'last', bidirectional: true })
  const both = main(at, layer, turned(at, x, false), { shape: [...lead, 2 * units] })
  const mode = at.config.text('merge_mode', 'concat')
  if (mode === 'concat') return both
  const half = { shape: [...lead, units] }
  const halves = [
    beside(at, 'forward', take({ axis: -1, to: units }), both, half),
    beside(at, 'backward', take({ axis: -1, from: units }), both, half),
  ]
  if (mode === 'sum') return beside(at, 'sum', add(), halves)
  if (mode === 'mul') return beside(at, 'product', multiply(), halves)
  if (mode === 'ave') return scaled(at, beside(at, 'sum', add(), halves), 0.5, 0, 'mean')
  throw at.fail(`has the merge_mode ${quote(mode)}`)
}

/** The layer within a wrapper. */
function wrapped(at: At): { kind: unknown; inner: At['config'] } {
  const layer = at.config.raw('layer')
  if (!isObject(layer)) throw at.fail(`wraps no layer, but ${show(layer)}`)
  const kind = member(layer, 'class_name') ?? member(layer, 'className')
  return { kind, inner: configOf(member(layer, 'config'), (problem) => at.fail(problem)) }
}

/** Layers that do the same to each step here as they are. */
const STEPWISE = new Set<unknown>([
  'Dense',
  'Activation',
  'ReLU',
  'LeakyReLU',
  'ELU',
  'Softmax',
  'Dropout',
  'LayerNormalization',
])

/** TimeDistributed of a layer that looks at one step at a time anyway. */
export const timeDistributed =
  (handlers: Readonly<Record<string, Handler>>): Handler =>
  (at, x): Value => {
    const { kind, inner } = wrapped(at)
    if (!STEPWISE.has(kind) || x.shape.length !== 2) {
      throw at.fail(
        `applies a ${show(kind)} to each part of its input; here that is read for Dense and activations of sequences`,
      )
    }
    return handlers[kind as string]({ ...at, config: inner }, x)
  }

export const RECURRENT: Readonly<Record<string, Handler>> = {
  LSTM: recurrent('LSTM'),
  GRU: recurrent('GRU'),
  SimpleRNN: recurrent('SimpleRNN'),
  Bidirectional: bidirectional,
}
