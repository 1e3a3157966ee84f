// Where a run died: the first thing on its way through the network that is not finite, in words.

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
export function firstNotFinite({ tensors }: Core): string | undefined {
  for (const [kind, list] of Object.entries({ parameter: tensors.parameters, buffer: tensors.buffers })) {
    for (const [name, { data }] of Object.entries(list)) {
      const at = indexOfNotFinite(data)
      if (at >= 0) return `the ${kind} '${name}' holds ${data[at]} at ${at}`
    }
  }
  return undefined
}

function inputNotFinite({ tensors, input }: Core, n: number): string | undefined {
  const at = indexOfNotFinite(tensors.input.data.subarray(0, n * input.size))
  if (at < 0) return undefined
  return `the input holds ${tensors.input.data[at]} in row ${Math.floor(at / input.size)} of the batch`
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
        const at = indexOfNotFinite(values)
        if (at < 0) continue
        const { path, kind } = prepared.call.layer
        const layer = [path, kind].filter(Boolean).join(' ')
        return `the output of ${layer} is the first to hold ${values[at]}, in row ${Math.floor(at / write.size)} of the batch`
      }
    }
    return undefined
  } finally {
    undo.liveBuffers.set(undo.buffers)
  }
}

/** Where the first value that is not finite lies; -1 if there is none. */
export function indexOfNotFinite(values: Float64Array | Float32Array): number {
  // x - x is 0 for finite numbers only.
  for (let i = 0; i < values.length; i++) if (values[i] - values[i] !== 0) return i
  return -1
}
