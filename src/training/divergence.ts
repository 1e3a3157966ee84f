// Where a run died: the first thing on its way through the network that is not finite, in words.

import { titleOf } from '../plan/calls'
import { beginPass, runCall } from '../plan/run'
import { Value, placeOf } from '../plan/value'
import { type Core, type Pass, viewOf } from './core'
import type { Divergence } from './history'

/** Explains a pass over the n loaded rows that took no step. */
export function explain(core: Core, pass: Pass, n: number, epoch: number, step: number): Divergence {
  const cure = `lower the learning rate (it is ${pass.rate}), scale the inputs, or give createModel a clipNorm`
  const what = Number.isFinite(pass.loss) ? 'the norm of the gradients is not finite' : `the loss is ${pass.loss}`
  const found = inputNotFinite(core, n) ?? firstNotFinite(core) ?? outputNotFinite(core, n)
  const text = `${what} at step ${step}, in epoch ${epoch}: ${found ?? 'all outputs of layers are finite'}; ${cure}`
  return { epoch, step, loss: pass.loss, text }
}

/** The first parameter or buffer with a value that is not finite, in words; undefined if there is none. */
export function firstNotFinite(core: Core): string | undefined {
  const { parameters: parameter, buffers: buffer } = core.tensors
  for (const [kind, list] of Object.entries({ parameter, buffer })) {
    for (const [name, { data }] of Object.entries(list)) {
      const at = indexOfNotFinite(core, data)
      if (at >= 0) return `the ${kind} '${name}' holds ${data[at]} at ${at}`
    }
  }
  return undefined
}

function inputNotFinite(core: Core, n: number): string | undefined {
  const { tensors, input } = core
  const values = tensors.input.data.subarray(0, n * input.size)
  const at = indexOfNotFinite(core, values)
  if (at < 0) return undefined
  return `the input holds ${values[at]} in row ${Math.floor(at / input.size)} of the batch`
}

/** Runs the loaded rows forward once more, and looks at what each call writes. */
function outputNotFinite(core: Core, n: number): string | undefined {
  const { run, undo, counters, engine, dtype } = core
  undo.buffers.set(undo.liveBuffers)
  beginPass(run, n, true, core.regularises, counters.passes + 1)
  try {
    for (const prepared of run.forward) {
      runCall(run, prepared)
      for (const write of prepared.call.writes) {
        if (!(write instanceof Value)) continue
        const values = viewOf(dtype, engine.buffer, placeOf(write).pointer, n * write.size)
        const at = indexOfNotFinite(core, values)
        if (at < 0) continue
        const layer = titleOf(prepared.call.layer)
        return `the output of ${layer} is the first to hold ${values[at]}, in row ${Math.floor(at / write.size)} of the batch`
      }
    }
    return undefined
  } finally {
    undo.liveBuffers.set(undo.buffers)
  }
}

/** Where the first value that is not finite lies in a view of the model's memory; -1 if there is none. */
function indexOfNotFinite({ vector }: Core, { length, byteOffset }: Float64Array | Float32Array): number {
  return vector.kernels.firstNotFinite(length, byteOffset)
}
