// Where a run died: the first thing on its way through the network that is not finite, in words.

import { note } from '../errors'
import { titleOf } from '../plan/calls'
import { beginPass, runCall } from '../plan/run'
import { Value } from '../plan/value'
import type { Tensor } from '../tensor'
import { type Core, type Pass, viewOf } from './core'
import type { Divergence } from './history'

/** Explains a pass over the n loaded rows that took no step. */
export function explain(core: Core, pass: Pass, n: number, epoch: number, step: number): Divergence {
  const { loss, rate, trouble } = pass
  const { inputs, heads } = core
  const at = pass.trains ? `at step ${step}, in epoch ${epoch}` : `after epoch ${epoch}`
  const what = pass.trains ? 'the loss' : 'the validation loss'
  const slower = `lower the learning rate (it is ${rate})`
  if (trouble) {
    const cure = trouble.includes(';') ? '' : `; ${slower}, or scale inputs and targets`
    return { epoch, step, loss, text: `no step was taken ${at}: ${trouble}${cure}` }
  }
  const first = (list: readonly (string | undefined)[]) => list.find((found) => found !== undefined)
  const bad =
    first(
      inputs.map(({ name, value, tensor }) => lookAt(core, titled('the input', name), tensor.data, n, value.size)),
    ) ??
    first(
      heads.map(({ name, target, values }) => lookAt(core, titled('the target', name || 'y'), values, n, target.size)),
    )
  const found = bad ?? firstNotFinite(core) ?? outputNotFinite(core, pass, n) ?? overflowOfLoss(core, n)
  const cure = bad ? 'mend the data' : `${slower}, scale inputs and targets, or give createModel a clipNorm`
  return { epoch, step, loss, text: `${what} is ${loss} ${at}: ${found}; ${cure}` }
}

/** Tells the user, once, that the scores of the n rows hold what is no finite number. */
export function noteBadScores(where: string, core: Core, n: number): void {
  let found: string | undefined
  for (const { name, value, tensor } of core.heads) {
    found ??= lookAt(core, titled('the output', name), tensor.data, n, value.size)
  }
  if (!found) return
  const cause = firstNotFinite(core)
  note(`${where}: ${found}${cause ? `, for ${cause}` : ', for it overflows'}: what follows from it means nothing`)
}

/** Where all outputs of layers are finite: what the loss is of, in words. */
function overflowOfLoss({ heads }: Core, n: number): string {
  const largest = (values: Iterable<number>) => {
    let most = 0
    for (const value of values) most = Math.max(most, Math.abs(value))
    return most
  }
  const scores = heads.map(({ name, loss, value, tensor, values, target }) => {
    const targets = values.subarray(0, n * target.size)
    const wanted = targets.length ? `, targets reach ${largest(targets)}` : ''
    const reached = `outputs reach ${largest(tensor.data.subarray(0, n * value.size))}${wanted}`
    return { kind: titled(loss?.kind ?? 'the loss', name), reached }
  })
  const kinds = scores.map(({ kind }) => kind).join(' or ')
  const all = scores.map(({ kind, reached }) => (scores.length > 1 ? `of ${kind} ${reached}` : reached)).join('; ')
  return `all outputs of layers are finite, so it is ${kinds} that overflows: ${all}`
}

function titled(what: string, name: string): string {
  return name ? `${what} ${name}` : what
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
function outputNotFinite(core: Core, { trains, first }: Pass, n: number): string | undefined {
  const { run, undo, counters, engine, dtype } = core
  undo.buffers.set(undo.liveBuffers)
  beginPass(run, n, trains, core.regularises, counters.passes + Number(trains))
  try {
    for (const prepared of run.forward.slice(first)) {
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

/** The same of the first n rows of a batch. */
function lookAt(core: Core, what: string, data: Tensor['data'], n: number, size: number): string | undefined {
  return look(core, what, data.subarray(0, n * size), size)
}

/** What is not finite in a view of the model's memory, in words; its rows are of `size`, if given. */
function look({ vector }: Core, what: string, data: Tensor['data'], size?: number): string | undefined {
  const at = vector.kernels.firstNotFinite(data.length, data.byteOffset)
  if (at < 0) return undefined
  return `${what} holds ${data[at]} ${size ? `in row ${Math.floor(at / size)} of the batch` : `at ${at}`}`
}
