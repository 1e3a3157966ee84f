// Recurrent layers. ONNX's operators have gates in orders of their own, the steps first, and in ONNX Runtime float32 alone:
// in float64 a loop over the steps is written out.

import { DataType, type GraphProto, type ValueInfoProto } from '../schema'
import type { Emitter, LayerWriter } from './layer'
import type { OnnxValue } from './writer'

/** What the three differ in. */
interface Kind {
  readonly opType: 'RNN' | 'LSTM' | 'GRU'
  /** Our gates in ONNX's order. */
  readonly order: readonly number[]
  /** Values that go from step to step. */
  readonly states: number
  /** One step, from what the inputs give for all gates, b within, and the states before; gives the states after. */
  readonly step: (layer: LayerWriter, given: OnnxValue, states: readonly OnnxValue[], suffix: string) => OnnxValue[]
}

const SUFFIXES = ['_l0', '_l0_reverse'] as const

/** V h + c of all gates. */
function ofState(layer: LayerWriter, h: OnnxValue, suffix: string): OnnxValue {
  const weight = layer.parameter(`weight_hh${suffix}`)
  return layer.node('Gemm', [h, weight, layer.parameter(`bias_hh${suffix}`)], [weight.shape[0]], { transB: 1 })
}

/** The shapes of so many values of `units`. */
const sizesOf = (units: number, count: number) => Array.from({ length: count }, () => [units])

function split(layer: LayerWriter, x: OnnxValue, parts: number): OnnxValue[] {
  const units: number = layer.config.units
  const sizes = layer.integers('gates', Array<number>(parts).fill(units))
  return layer.nodes('Split', [x, sizes], sizesOf(units, parts), { axis: 1 })
}

const of = (layer: LayerWriter, opType: string, ...inputs: OnnxValue[]) => layer.node(opType, inputs, inputs[0].shape)

const RNN: Kind = {
  opType: 'RNN',
  order: [0],
  states: 1,
  step(layer, given, [h], suffix) {
    const sum = of(layer, 'Add', given, ofState(layer, h, suffix))
    return [of(layer, layer.config.activation === 'relu' ? 'Relu' : 'Tanh', sum)]
  },
}

const LSTM: Kind = {
  opType: 'LSTM',
  // i, f, g, o to i, o, f, g
  order: [0, 3, 1, 2],
  states: 2,
  step(layer, given, [h, cell], suffix) {
    const sums = split(layer, of(layer, 'Add', given, ofState(layer, h, suffix)), 4)
    const [i, f, g, o] = sums.map((sum, gate) => of(layer, gate === 2 ? 'Tanh' : 'Sigmoid', sum))
    const next = of(layer, 'Add', of(layer, 'Mul', f, cell), of(layer, 'Mul', i, g))
    return [of(layer, 'Mul', o, of(layer, 'Tanh', next)), next]
  },
}

const GRU: Kind = {
  opType: 'GRU',
  // r, z, n to z, r, n
  order: [1, 0, 2],
  states: 1,
  step(layer, given, [h], suffix) {
    const [ar, az, an] = split(layer, given, 3)
    const [br, bz, bn] = split(layer, ofState(layer, h, suffix), 3)
    const r = of(layer, 'Sigmoid', of(layer, 'Add', ar, br))
    const z = of(layer, 'Sigmoid', of(layer, 'Add', az, bz))
    const n = of(layer, 'Tanh', of(layer, 'Add', an, of(layer, 'Mul', r, bn)))
    // (1 - z) n + z h
    return [of(layer, 'Add', n, of(layer, 'Mul', z, of(layer, 'Sub', h, n)))]
  },
}

const recurrent =
  (kind: Kind): Emitter =>
  (layer, x) => {
    if (layer.config.stateful) {
      throw layer.error(
        'is stateful, but a file of ONNX begins each run anew; make the network without stateful, load the weights into ' +
          'it (model.load(stateful.save())), and write that',
      )
    }
    return layer.dtype === 'float32' ? byOperator(layer, x, kind) : byLoop(layer, x, kind)
  }

export const rnn = recurrent(RNN)
export const lstm = recurrent(LSTM)
export const gru = recurrent(GRU)

/** Both directions of parameters, each with its gates in ONNX's order, one behind the other. */
function reordered(layer: LayerWriter, { order }: Kind, names: readonly string[]): Float32Array {
  const { bidirectional } = layer.config
  const all = SUFFIXES.slice(0, bidirectional ? 2 : 1).flatMap((suffix) =>
    names.map((name) => layer.valuesOf(name + suffix)),
  )
  const values = new Float32Array(all.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const own of all) {
    const size = own.length / order.length
    for (const gate of order) {
      values.set(own.subarray(gate * size, (gate + 1) * size), at)
      at += size
    }
  }
  return values
}

function byOperator(layer: LayerWriter, x: OnnxValue, kind: Kind): OnnxValue {
  const { units, output, bidirectional, activation } = layer.config
  const [time, inputs] = x.shape
  const directions = bidirectional ? 2 : 1
  const gates = kind.order.length * units
  const weights = [
    layer.constant('W', [directions, gates, inputs], reordered(layer, kind, ['weight_ih'])),
    layer.constant('R', [directions, gates, units], reordered(layer, kind, ['weight_hh'])),
    layer.constant('B', [directions, 2 * gates], reordered(layer, kind, ['bias_ih', 'bias_hh'])),
  ]
  const lengths = layer.lengths(x)
  // Axes of values with the steps first are counted from their second on: only names reach the file.
  const steps = layer.node('Transpose', [x], [time, inputs], { perm: [1, 0, 2] })
  const all = output === 'all'
  const [every, last] = layer.nodes(
    kind.opType,
    [steps, ...weights, ...(lengths ? [lengths] : [])],
    [all ? [] : undefined, all ? undefined : []],
    {
      hidden_size: units,
      direction: bidirectional ? 'bidirectional' : 'forward',
      ...(kind === GRU && { linear_before_reset: 1 }),
      ...(kind === RNN && { activations: Array<string>(directions).fill(activation === 'relu' ? 'Relu' : 'Tanh') }),
    },
  )
  if (all) {
    // Steps, directions, batch, units.
    const rows = layer.node('Transpose', [every], [time, directions, units], { perm: [2, 0, 1, 3] })
    return layer.reshaped(rows, [time, directions * units])
  }
  const rows = layer.node('Transpose', [last], [directions, units], { perm: [1, 0, 2] })
  return layer.reshaped(rows, [directions * units])
}

const valueInfo = (name: string, elemType: number): ValueInfoProto => ({ name, type: { tensorType: { elemType } } })

function byLoop(layer: LayerWriter, x: OnnxValue, kind: Kind): OnnxValue {
  const { units, output, bidirectional } = layer.config
  const [time] = x.shape
  const all = output === 'all'
  const lengths = layer.lengths(x)
  const counts = lengths && countsOf(layer, lengths, time)
  // As many zeros as there are rows.
  const rows = layer.node('Shape', [x], [], { start: 0, end: 1 })
  const sizes = layer.node('Concat', [rows, layer.integers('units', [units])], [], { axis: 0 })
  const zero = layer.node('ConstantOfShape', [sizes], [units], { value: new Float64Array(1) })
  const directions = SUFFIXES.slice(0, bidirectional ? 2 : 1).map((suffix, reverse) => {
    const weight = layer.parameter(`weight_ih${suffix}`)
    const [gates, inputs] = weight.shape
    const turned = layer.node('Transpose', [weight], [inputs, gates], { perm: [1, 0] })
    const product = layer.node('MatMul', [x, turned], [time, gates])
    const given = layer.node('Add', [product, layer.parameter(`bias_ih${suffix}`)], [time, gates])
    const body = bodyOf(layer, kind, suffix, gates, counts !== undefined, all)
    const scanned = counts ? [given, counts] : [given]
    const back = scanned.map(() => reverse)
    const outputs = layer.nodes(
      'Scan',
      [...Array<OnnxValue>(kind.states).fill(zero), ...scanned],
      // Of the states it gives, h is the first.
      [...sizesOf(units, kind.states), ...(all ? [[time, units]] : [])],
      {
        body,
        num_scan_inputs: scanned.length,
        scan_input_axes: scanned.map(() => 1),
        scan_input_directions: back,
        ...(all && { scan_output_axes: [1], scan_output_directions: [reverse] }),
      },
    )
    return all ? outputs[kind.states] : outputs[0]
  })
  if (directions.length === 1) return directions[0]
  const shape = all ? [time, 2 * units] : [2 * units]
  return layer.node('Concat', directions, shape, { axis: all ? 2 : 1 })
}

/** Whether a step of a row counts: (N, T, 1). */
export function countsOf(layer: LayerWriter, lengths: OnnxValue, time: number): OnnxValue {
  const steps = layer.integers32('steps', Array.from(Array(time).keys()))
  const column = layer.node('Unsqueeze', [lengths, layer.integers('axes', [1])], [1])
  const counts = layer.node('Less', [steps, column], [time])
  return layer.node('Unsqueeze', [counts, layer.integers('axes', [2])], [time, 1])
}

/** One step as a graph of its own. */
function bodyOf(
  layer: LayerWriter,
  kind: Kind,
  suffix: string,
  gates: number,
  masked: boolean,
  all: boolean,
): GraphProto {
  const { units } = layer.config
  const named = (name: string, size: number): OnnxValue => ({ name: layer.unique(name), shape: [size] })
  const before = Array.from({ length: kind.states }, (_, i) => named(`state${i}`, units))
  const given = named('given', gates)
  const counts = masked ? named('counts', 1) : undefined
  const { nodes, result } = layer.within(() => {
    const stepped = kind.step(layer, given, before, suffix)
    // Behind the end of a row the states stay, and what it gives is 0.
    const after = counts ? stepped.map((state, i) => layer.node('Where', [counts, state, before[i]], [units])) : stepped
    if (!all) return after
    const seen = counts
      ? layer.node('Where', [counts, stepped[0], layer.scalar('zero', 0)], [units])
      : layer.node('Identity', [stepped[0]], [units])
    return [...after, seen]
  })
  return {
    name: layer.unique('step'),
    node: nodes,
    input: [
      ...[...before, given].map(({ name }) => valueInfo(name, DataType.double)),
      ...(counts ? [valueInfo(counts.name, DataType.bool)] : []),
    ],
    output: result.map(({ name }) => valueInfo(name, DataType.double)),
  }
}
