// Where a run died: the first thing on its way through the network that is not finite, in words.

import { titleOf } from '../plan/calls'
import { beginPass, runCall } from '../plan/run'
import { Value } from '../plan/value'
import type { Tensor } from '../tensor'
import { type Core, type Pass, viewOf } from './core'
import type { Divergence } from './history'

/** Explains a pass over the n loaded rows that took no step. */
export function explain(core: Core, pass: Pass, n: number, epoch: number, step: number): Divergence {
  const { loss, rate } = pass
  const { size } = core.input
  const what = Number.isFinite(loss) ? 'the norm of the gradients is not finite' : `the loss is ${loss}`
  const found =
    look(core, 'the input', core.tensors.input.data.subarray(0, n * size), size) ??
    firstNotFinite(core) ??
    outputNotFinite(core, n) ??
    'all outputs of layers are finite'
  const text =
    `${what} at step ${step}, in epoch ${epoch}: ${found}; lower the learning rate (it is ${rate}), scale the inputs, ` +
    'or give createModel a clipNorm'
  return { epoch, step, loss, text }
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
function outputNotFinite(core: Core, n: number): string | undefined {
  const { run, undo, counters, engine, dtype } = core
  undo.buffers.set(undo.liveBuffers)
  beginPass(run, n, true, core.regularises, counters.passes + 1)
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
