// What a model will be, or is: its summary.

import { type ByName, byName } from '../data/named'
import { checkArguments } from '../errors'
import type { Optimizer } from '../optimizers/optimizer'
import { titleOf } from '../plan/calls'
import { type Regions, countOf } from '../plan/layout'
import type { Layer, Loss, Network, Row } from '../plan/layer'
import type { DType } from '../tensor'
import { type AnyOptions, type Blueprint, type ModelOptions, planModel, withThreads } from './options'

/** What a model will be: see describe. */
export interface Description<Out extends string = never> {
  /** Values of all parameters. */
  readonly parameters: number
  /** Values of the parameters that are not frozen. */
  readonly trainable: number
  /** Multiplications and additions of the forward pass for one example, counted apart. */
  readonly flops: number
  /** Shape of the output for one example; of each output of a graph, by name. */
  readonly output: ByName<Out, readonly number[]>
  /** What each region of the memory would take, in bytes. */
  readonly memory: Readonly<Regions>
  /** The lines of the summary. */
  readonly layers: readonly Row[]
  /** Names and shapes of parameters and buffers, as in a PyTorch state dict. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
  /** The same table as Model.summary. */
  summary(): string
}

/**
 * Plans a model as createModel does, with the same options and errors, but allocates none of its memory: how many
 * parameters and FLOPs a network has, and what it would take to train, in milliseconds. Models larger than 4 GiB, which
 * createModel refuses, are described all the same; threads of 'auto' as one.
 *
 *     describe(vgg16(), { input: [3, 224, 224], batch: 8 }).parameters   // 138357544
 */
export function describe<In extends string, Out extends string>(
  network: Network<In, Out>,
  options: ModelOptions<NoInfer<ByName<Out, Loss>> | undefined, Optimizer | undefined, boolean, DType, NoInfer<In>>,
): Description<Out>
export function describe(network: Layer, options: ModelOptions): Description
export function describe(network: Layer | Network<string, string>, options: AnyOptions): Description<any> {
  checkArguments('describe', arguments, 2)
  const planned = planModel('describe', network, options)
  const blueprint = withThreads(planned, planned.threads === 'auto' ? 1 : planned.threads)
  const { parameters, buffers, rows, names, heads, memory } = blueprint
  return {
    parameters: countOf(parameters),
    trainable: countOf(parameters.filter(({ frozen }) => !frozen)),
    flops: flopsOf(rows),
    output: byName(
      names.outputs,
      heads.map(({ shape }) => shape),
    ) as any,
    memory,
    layers: rows,
    shapes: Object.fromEntries([...parameters, ...buffers].map(({ name, shape }) => [name, shape])),
    summary: () => summarise(blueprint),
  }
}

function flopsOf(rows: readonly Row[]): number {
  return rows.reduce((sum, row) => sum + row.flops, 0)
}

/** See Model.summary. */
export function summarise(blueprint: Blueprint, backend?: string): string {
  const { parameters, rows, memory, dtype, batch, threads } = blueprint
  const number = (value: number) => value.toLocaleString('en')
  const all = countOf(parameters)
  const trainable = countOf(parameters.filter(({ frozen }) => !frozen))
  const lines = [
    ['layer', 'output', 'parameters', 'FLOPs'],
    ...rows.map((row) => [titleOf(row), row.shape.join(' x '), number(row.parameters), number(row.flops)]),
    ['total', '', number(all), number(flopsOf(rows))],
    ...(trainable === all ? [] : [['trainable', '', number(trainable), '']]),
  ]
  const { total, ...regions } = memory
  const bytes = [...Object.entries(regions), ['total', total] as const].map(([name, size]) => [name, number(size)])
  const several = threads !== 1 && `${threads} threads`
  const title = ['memory in bytes: ' + dtype, backend, `batches of ${batch}`, several].filter(Boolean).join(', ')
  return `${table(lines)}\n\n${title}\n${table(bytes)}`
}

/** Columns side by side, the first to the left, the others to the right. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => rows.reduce((most, row) => Math.max(most, row[column].length), 0))
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd()
  return rows.map(line).join('\n')
}
