// Recurrent layers, whose gates ONNX has in another order than PyTorch and we.

import { few } from '../../errors'
import { concat } from '../../layers/concat'
import { gru } from '../../layers/gru'
import { lstm } from '../../layers/lstm'
import { rnn } from '../../layers/rnn'
import type { Layer } from '../../plan/layer'
import { type Tensor, product } from '../../tensor'
import { type Active, type Known, exampleOf } from './builder'
import { type Constant, uniformOf } from './constants'
import type { Converter, Op } from './op'
import { part } from './shapes'

interface Kind {
  /** Of our gates, one after the other, which they are of ONNX's. */
  readonly order: readonly number[]
  /** The activations that the layer has. */
  readonly activations: readonly string[]
  readonly make: (units: number, options: { output: 'last' | 'all'; bidirectional: boolean }) => Layer
}

function kindOf(op: Op): Kind {
  const { opType } = op.node
  // i, o, f, c to i, f, g, o; z, r, h to r, z, n.
  if (opType === 'LSTM') return { order: [0, 2, 3, 1], activations: ['sigmoid', 'tanh', 'tanh'], make: lstm }
  if (opType === 'GRU') return { order: [1, 0, 2], activations: ['sigmoid', 'tanh'], make: gru }
  const isRelu = op.texts('activations')[0]?.toLowerCase() === 'relu'
  const activation = isRelu ? 'relu' : 'tanh'
  return { order: [0], activations: [activation], make: (units, options) => rnn(units, { activation, ...options }) }
}

function checkAttributes(op: Op, { activations }: Kind, directions: number): void {
  const given = op.texts('activations').map((one) => one.toLowerCase())
  const usual = Array.from({ length: directions }, () => activations).flat()
  if (given.length && given.join() !== usual.join()) {
    throw op.fail(`its activations are ${few(given)}, and the layer's ${few(usual)}`)
  }
  if (op.has('clip')) throw op.fail('it clips its state, which no layer does')
  if (op.int('input_forget', 0)) throw op.fail('its gates for input and forgetting are one, which no layer has')
  if (op.node.opType === 'GRU' && op.int('linear_before_reset', 0) !== 1) {
    throw op.fail(
      'it resets the state before it is multiplied (linear_before_reset=0); gru() does it afterwards, as PyTorch does ' +
        'and Keras with reset_after',
    )
  }
  const names = ['', '', '', '', 'lengths of its sequences', 'a state', 'a cell', 'weights of the cell']
  for (const input of [4, 5, 6, 7]) {
    const known = op.inputs[input]
    if (!known) continue
    if ((input === 5 || input === 6) && known.kind === 'constant' && uniformOf(known) === 0) continue
    throw op.fail(`it begins with ${names[input]} of its own, ${op.nameOf(input)}; our layers begin with 0`)
  }
}

/** Rows of a constant, one block for each gate, in our order. */
function rows(constant: Constant, from: number, size: number, order: readonly number[]): Tensor['data'] {
  const all = constant.read()
  const block = size / order.length
  const data = all.slice(from, from + size)
  order.forEach((gate, i) => data.set(all.subarray(from + gate * block, from + (gate + 1) * block), i * block))
  return data
}

/** Weights under PyTorch's names. */
function weightsOf(op: Op, { order }: Kind, directions: number, inputs: number, units: number): Record<string, Tensor> {
  const gates = order.length * units
  const [w, r] = [op.constant(1, 'W'), op.constant(2, 'R')]
  const bias = op.inputs[3] && op.constant(3, 'B')
  const check = (name: string, { dims }: Constant, wanted: readonly number[]) => {
    if (dims.join() !== wanted.join()) throw op.fail(`${name} of (${few(dims)}), where (${few(wanted)}) is wanted`)
  }
  check('W', w, [directions, gates, inputs])
  check('R', r, [directions, gates, units])
  if (bias) check('B', bias, [directions, 2 * gates])
  const weights: Record<string, Tensor> = {}
  for (let i = 0; i < directions; i++) {
    const suffix = i ? '_l0_reverse' : '_l0'
    const one = (constant: Constant, columns: number): Tensor => ({
      shape: [gates, columns],
      data: rows(constant, i * gates * columns, gates * columns, order),
    })
    weights[`weight_ih${suffix}`] = one(w, inputs)
    weights[`weight_hh${suffix}`] = one(r, units)
    ;['bias_ih', 'bias_hh'].forEach((name, half) => {
      const data = bias ? rows(bias, (2 * i + half) * gates, gates, order) : new Float32Array(gates)
      weights[name + suffix] = { shape: [gates], data }
    })
  }
  return weights
}

const recurrent: Converter = (op) => {
  const x = op.active(0)
  const kind = kindOf(op)
  const isBatchFirst = op.int('layout', 0) === 1
  const direction = op.text('direction', 'forward')
  if (direction === 'reverse') {
    throw op.fail('it goes from the end to the beginning alone; our layers go forward, or both ways')
  }
  const directions = direction === 'bidirectional' ? 2 : 1
  checkAttributes(op, kind, directions)
  if (x.shape.length !== 3 || x.batch !== (isBatchFirst ? 0 : 1)) {
    const text = few(x.shape.map((size, axis) => (axis === x.batch ? 'N' : size)))
    throw op.fail(
      `it wants ${isBatchFirst ? '(N, T, D)' : '(T, N, D)'}, and gets (${text}); the first axis of a network's input is ` +
        'the batch here: in PyTorch, batch_first=True',
    )
  }
  const [time, inputs] = exampleOf(x)
  const [, gates, units = 0] = op.constant(2, 'R').dims
  if (gates !== kind.order.length * units) throw op.fail(`R of (${few(op.constant(2, 'R').dims)})`)
  const weights = weightsOf(op, kind, directions, inputs, units)
  const [all, last] = [0, 1].map((i) => op.isRead(i))
  if (op.isRead(2)) throw op.fail('the cell after its last step is read, which no layer gives')
  const output = all ? 'all' : 'last'
  const width = directions * units
  const stored = all ? [time, width] : [width]
  const from = op.builder.as(x, [time, inputs])
  const make = () => kind.make(units, { output, bidirectional: directions === 2 })
  const made = op.gives(from, stored, make, {
    weights,
    example: all ? [time, directions, units] : [directions, units],
    batch: isBatchFirst ? 0 : all ? 2 : 1,
  })
  if (!all) return [undefined, made]
  return [made, last ? lastOf(op, made, time, directions, units, isBatchFirst) : undefined] satisfies (
    Known | undefined
  )[]
}

/** Of the states after each step those after the last of each direction. */
function lastOf(op: Op, y: Active, time: number, directions: number, units: number, isBatchFirst: boolean): Active {
  const one = (step: number, way: number) => {
    const at = part(op, part(op, y, 0, step, step + 1), 1, way, way + 1)
    return op.builder.as(at, [units])
  }
  const ends = directions === 1 ? [one(time - 1, 0)] : [one(time - 1, 0), one(0, 1)]
  const shape = [directions, units]
  const batch = isBatchFirst ? 0 : 1
  const size = y.shape[y.batch]
  if (ends.length === 1) return { ...ends[0], shape: shape.toSpliced(batch, 0, size), batch }
  return op.gives(ends, [product(shape)], () => concat(), { hint: 'last', example: shape, batch })
}

/** By operator. */
export const RECURRENT: Readonly<Record<string, Converter>> = { LSTM: recurrent, GRU: recurrent, RNN: recurrent }
