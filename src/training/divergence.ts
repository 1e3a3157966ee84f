// Where a run died: the first thing on its way through the network that is not finite, in words.

import { titleOf } from '../plan/calls'
import { beginPass, runCall } from '../plan/run'
import { Value } from '../plan/value'
import type { Tensor } from '../tensor'
import { type Core, type Pass, viewOf } from './core'
import type { Divergence } from './history'

/** Explains a pass over the n loaded rows that took no step. */
export function explain(core: Core, pass: Pass, n: number, epoch: number, step: number): Divergence {
  const { loss, rate, trouble } = pass
  const { input, tensors, values, output } = core
  const at = `at step ${step}, in epoch ${epoch}`
  const slower = `lower the learning rate (it is ${rate})`
  if (trouble) {
    const cure = trouble.includes(';') ? '' : `; ${slower}, or scale inputs and targets`
    return { epoch, step, loss, text: `no step was taken ${at}: ${trouble}${cure}` }
  }
  const targets = values.subarray(0, n * output.size)
  const bad =
    look(core, 'the input', tensors.input.data.subarray(0, n * input.size), input.size) ??
    look(core, 'the target y', targets, output.size)
  const found = bad ?? firstNotFinite(core) ?? outputNotFinite(core, pass, n) ?? overflowOfLoss(core, targets, n)
  const cure = bad ? 'mend the data' : `${slower}, scale inputs and targets, or give createModel a clipNorm`
  return { epoch, step, loss, text: `the loss is ${loss} ${at}: ${found}; ${cure}` }
}

/** Where all outputs of layers are finite: what the loss is of, in words. */
function overflowOfLoss({ tensors, output, settings }: Core, targets: Tensor['data'], n: number): string {
  const largest = (values: Iterable<number>) => {
    let most = 0
    for (const value of values) most = Math.max(most, Math.abs(value))
    return most
  }
  const scores = `outputs reach ${largest(tensors.output.data.subarray(0, n * output.size))}`
  const wanted = targets.length ? `, targets reach ${largest(targets)}` : ''
  return `all outputs of layers are finite, so it is ${settings.loss?.kind ?? 'the loss'} that overflows: ${scores}${wanted}`
}

/** The first parameter or buffer with a value that is not finite, in words; undefined if there is none. */
export function firstNotFinite(core: Core): string | undefined {
  const { parameters: parameter, buffers: buffer } = core.tensors
  for (const [kind, list] of Object.entries({ parameter, buffer })) {
    for (const [name, { data }] of Object.entries(list)) {
      const found = look(core, `the ${kind} '${name}'`, data)
      if (found) return found
    }
  }
  return undefined
}

/** Runs the loaded rows forward once more, and looks at what each call writes. */
function outputNotFinite(core: Core, { trains }: Pass, n: number): string | undefined {
  const { run, undo, counters, engine, dtype } = core
  undo.buffers.set(undo.liveBuffers)
  beginPass(run, n, trains, core.regularises, counters.passes + Number(trains))
  try {
    for (const prepared of run.forward) {
      runCall(run, prepared)
      const { writes, layer } = prepared.call
      for (const write of writes) {
        if (!(write instanceof Value)) continue
        const { data, size } = write
        const values = viewOf(dtype, engine.buffer, data.pointer, n * size)
        const found = look(core, `the first bad output of a layer, of ${titleOf(layer)},`, values, size)
        if (found) return found
      }
    }
    return undefined
  } finally {
    undo.liveBuffers.set(undo.buffers)
  }
}

/** What is not finite in a view of the model's memory, in words; its rows are of `size`, if given. */
function look({ vector }: Core, what: string, data: Tensor['data'], size?: number): string | undefined {
  const at = vector.kernels.firstNotFinite(data.length, data.byteOffset)
  if (at < 0) return undefined
  return `${what} holds ${data[at]} ${size ? `in row ${Math.floor(at / size)} of the batch` : `at ${at}`}`
}
