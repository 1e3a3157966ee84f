// Weights to files and back.

import { FileError, PlanError, callable, checkOptions, few, flag, quote, readSafely, show } from '../errors'
import { type StoredTensor, encodeTensors, readFile } from '../io/safetensors'
import type { Core } from '../training/core'
import { firstNotFinite } from '../training/divergence'
import { weightsOf } from '../training/state'
import { architectureOf } from './architecture'
import { weightsIn } from './checkpoint'

/** What Model.load is asked for. */
export interface LoadOptions {
  /** Whether all must fit, or nothing changes; false loads what fits, and says what did not. True unless given. */
  strict?: boolean
  /** Whether numbers that are not finite are taken. False unless given. */
  allowNonFinite?: boolean
  /**
   * What a tensor of the file is called here, such as `name.replace('module.', '')`; undefined for one that is left out.
   * Names are the same unless given.
   */
  rename?: (name: string) => string | undefined
}

/** What Model.load left out; all empty unless `strict` is false. */
export interface LoadResult {
  /** What the model has and the file has not: as it was before. */
  readonly missing: readonly string[]
  /** What has another shape in the file: as it was before. */
  readonly mismatched: readonly string[]
  /** What the file has and the model has not. */
  readonly unexpected: readonly string[]
}

/** See Model.save. */
export function saveWeights(
  core: Core,
  options: { metadata?: object; allowNonFinite?: boolean },
): Uint8Array<ArrayBuffer> {
  options = checkOptions('save', options, ['metadata', 'allowNonFinite'])
  const spoilt = flag('save', 'allowNonFinite', options.allowNonFinite ?? false) ? undefined : firstNotFinite(core)
  if (spoilt) {
    throw new PlanError(`save: ${spoilt}, as it diverged; save({ allowNonFinite: true }) writes it all the same`)
  }
  const list = Object.entries(weightsOf(core)).map(([name, { shape, data }]) => ({ name, shape, data }))
  return encodeTensors(list, architectureOf('save', core, options.metadata))
}

/** See Model.load. */
export function loadWeights(core: Core, bytes: Uint8Array | ArrayBuffer, options: LoadOptions): LoadResult {
  options = checkOptions('load', options, ['strict', 'allowNonFinite', 'rename'])
  const allowNonFinite = flag('load', 'allowNonFinite', options.allowNonFinite ?? false)
  const strict = flag('load', 'strict', options.strict ?? true)
  const own = weightsOf(core)
  const weights = weightsIn(readFile(bytes), (name) => Object.hasOwn(own, name))
  return loadTensors(core, renamed('load', weights, options.rename), strict, allowNonFinite)
}

/** The tensors of a file under the names that they have here. */
export function renamed(
  where: string,
  tensors: ReadonlyMap<string, StoredTensor>,
  rename: LoadOptions['rename'],
): ReadonlyMap<string, StoredTensor> {
  if (rename === undefined) return tensors
  callable(where, 'rename', rename, 'a function from the name in the file to the name here')
  const from = new Map<string, string>()
  const all = new Map<string, StoredTensor>()
  for (const [name, tensor] of tensors) {
    const own: unknown = readSafely(where, `rename(${quote(name)})`, () => rename(name))
    if (own === undefined) continue
    if (typeof own !== 'string') {
      throw new PlanError(
        `${where}: rename(${quote(name)}) must be a name, or undefined to leave it out, got ${show(own)}`,
      )
    }
    if (all.has(own)) {
      throw new PlanError(`${where}: rename gives ${quote(from.get(own)!)} and ${quote(name)} one name, ${quote(own)}`)
    }
    from.set(own, name)
    all.set(own, tensor)
  }
  return all
}

/** Loads what fits, or, if it is strict, all or nothing. */
export function loadTensors(
  core: Core,
  tensors: ReadonlyMap<string, StoredTensor>,
  strict: boolean,
  allowNonFinite: boolean,
): LoadResult {
  const own = weightsOf(core)
  const names = Object.keys(own)
  const missing = names.filter((name) => !tensors.has(name))
  const fits = (name: string) => {
    const { decodable, shape } = tensors.get(name)!
    return decodable && shape.join() === own[name].shape.join()
  }
  const mismatched = names.filter((name) => tensors.has(name) && !fits(name))
  // PyTorch's batch norm counts its batches; nothing here depends on that.
  const unexpected = [...tensors.keys()].filter(
    (name) => !Object.hasOwn(own, name) && !/(^|\.)num_batches_tracked$/.test(name),
  )
  const found = tensors.size ? few([...tensors.keys()]) : 'none'
  if (strict) {
    for (const name of missing)
      throw new FileError(`weights: the file has no ${quote(name)}; it is of another model: it has ${found}`)
    for (const name of mismatched) {
      // A type that cannot be decoded is said by decode().
      tensors.get(name)!.decode()
      const shapes = `(${few(tensors.get(name)!.shape)}) in the file, (${few(own[name].shape)}) here`
      throw new FileError(`weights: ${quote(name)} is ${shapes}; { strict: false } loads what fits`)
    }
    for (const name of unexpected) throw new FileError(`weights: the file has ${quote(name)}, which this model has not`)
  }
  const fitting = names.filter((name) => tensors.has(name) && fits(name))
  if (!fitting.length && names.length) {
    throw new FileError(
      `weights: nothing in the file (${tensors.size ? `${few([...tensors.keys()].slice(0, 3))}, ...` : 'it is empty'}) has a name and a shape of this model, which has ${few(names)}`,
    )
  }
  // Nothing changes before all is known to fit.
  const decoded = fitting.map((name) => ({ name, to: own[name].data, from: tensors.get(name)!.decode() }))
  for (const { name, from } of decoded) checkNumbers(name, from, core, allowNonFinite)
  for (const { to, from } of decoded) to.set(from)
  return { missing, mismatched, unexpected }
}

/** Throws a FileError at a number that is not finite, unless that is allowed, or that float32 cannot hold. */
function checkNumbers(name: string, data: ArrayLike<number>, { dtype }: Core, allowNonFinite: boolean): void {
  for (let i = 0; i < data.length; i++) {
    const value = data[i]
    const finite = Number.isFinite(value)
    if (finite ? dtype === 'float64' || Number.isFinite(Math.fround(value)) : allowNonFinite) continue
    const cure = finite ? ', too large for float32' : '; { allowNonFinite: true } takes it'
    throw new FileError(`weights: ${quote(name)} holds ${value} at ${i}${cure}`)
  }
}
