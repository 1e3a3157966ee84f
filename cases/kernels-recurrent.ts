// Rows of the case table for the kernels of recurrent layers: see kernels.ts.

import {
  GRU,
  LSTM,
  RNN_RELU,
  RNN_TANH,
  gatesOf,
  keptOf,
  packedColumns,
  recurrentScratch,
  slopesOf,
  statesOf,
} from '../src/kernels/recurrent-kinds'
import type { KernelCase } from './kernels'

const KINDS = { RNN_TANH, RNN_RELU, LSTM, GRU }

interface StepsOptions {
  /** From here to there; all unless given. */
  readonly steps?: readonly [first: number, end: number]
  readonly reverse?: boolean
  readonly begun?: boolean
  /** Whether there is a y for each step. */
  readonly all?: boolean
  readonly lengths?: boolean
  /** Whether it is a pass without a backward pass behind it, and y not wanted. */
  readonly alone?: boolean
}

/** Both passes through the steps of a layer. */
export function recurrentCases(
  name: keyof typeof KINDS,
  n: number,
  time: number,
  units: number,
  options: StepsOptions = {},
): KernelCase[] {
  const kind = KINDS[name]
  const { steps = [0, time], reverse = false, begun = false, all = true, lengths = false, alone = false } = options
  const words = Object.entries(options).map(([key, value]) => (value === true ? key : `${key} ${value}`))
  const title = [`${name} ${n}x${time}x${units}`, ...words].join(', ')
  // Of both directions side by side.
  const yRow = 2 * units
  const sizes = [n, time, units, kind, Number(reverse), ...steps, Number(begun), Number(all), yRow]
  const gates = gatesOf(kind) * units
  const rows = n * time * units
  const y = all ? n * time * yRow : n * yRow
  const flops = 2 * n * (steps[1] - steps[0]) * units * gates
  return [
    {
      kernel: 'recurrentForward',
      name: title,
      flops,
      args: (a) => [
        ...sizes,
        a.values(rows * keptOf(kind)),
        a.values(gates),
        a.values(gates),
        a.values(units * packedColumns(gates, a.bytes)),
        lengths ? a.integers(n, time + 1) : 0,
        a.scratch(recurrentScratch(kind, units, a.bytes)),
        alone ? 0 : a.values(rows),
        a.values(n * units * statesOf(kind)),
        alone ? 0 : a.values(y),
      ],
    },
    {
      kernel: 'recurrentBackward',
      name: title,
      flops,
      args: (a) => [
        ...sizes,
        a.values(rows * keptOf(kind)),
        kind === GRU ? a.values(rows) : 0,
        a.values(gates * packedColumns(units, a.bytes)),
        lengths ? a.integers(n, time + 1) : 0,
        a.values(y),
        a.scratch(recurrentScratch(kind, units, a.bytes)),
        a.values(n * units * statesOf(kind)),
        a.values(rows * slopesOf(kind)),
        a.values(n * units * slopesOf(kind)),
      ],
    },
  ]
}

export function packCase(k: number, columns: number, transposed: boolean): KernelCase {
  const strides = transposed ? [1, k] : [columns, 1]
  return {
    kernel: 'packWeights',
    name: `${k}x${columns}${transposed ? ' transposed' : ''}`,
    traffic: 2 * k * columns,
    args: (a) => [k, columns, ...strides, a.values(k * columns), a.values(k * packedColumns(columns, a.bytes))],
  }
}

export const recurrentKernelCases: readonly KernelCase[] = [
  ...(Object.keys(KINDS) as (keyof typeof KINDS)[]).flatMap((name) => [
    ...[1, 3, 8, 17].flatMap((units) => recurrentCases(name, 5, 3, units)),
    ...recurrentCases(name, 1, 1, 4, { all: false }),
    ...recurrentCases(name, 9, 4, 6, { all: false, reverse: true }),
    ...recurrentCases(name, 6, 5, 7, { all: false, lengths: true }),
    ...recurrentCases(name, 7, 5, 5, { reverse: true, lengths: true }),
    ...recurrentCases(name, 3, 6, 2, { steps: [2, 5], begun: true }),
    ...recurrentCases(name, 3, 6, 9, { steps: [3, 6], begun: true, reverse: true, all: false, lengths: true }),
    ...recurrentCases(name, 4, 3, 10, { alone: true }),
  ]),
  // More products than a block has: in the sums of the state, and in those of its gradient; a GRU's begin in two places.
  ...recurrentCases('RNN_TANH', 2, 2, 261),
  ...recurrentCases('LSTM', 5, 2, 70),
  ...recurrentCases('GRU', 5, 2, 100),
  ...recurrentCases('GRU', 2, 2, 150),
  packCase(1, 1, false),
  packCase(5, 9, false),
  packCase(5, 9, true),
  packCase(300, 17, true),
  packCase(7, 16, false),
]
