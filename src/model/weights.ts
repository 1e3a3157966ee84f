// Weights to files and back.

import { FileError, PlanError, checkOptions, few, flag, quote } from '../errors'
import { encodeSafetensors, readSafetensors } from '../io/safetensors'
import type { Core } from '../training/core'
import { firstNotFinite } from '../training/divergence'
import { weightsOf } from '../training/state'

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
export function saveWeights(core: Core, options: { allowNonFinite?: boolean }): Uint8Array<ArrayBuffer> {
  options = checkOptions('save', options, ['allowNonFinite'])
  const spoilt = flag('save', 'allowNonFinite', options.allowNonFinite ?? false) ? undefined : firstNotFinite(core)
  if (spoilt) {
    throw new PlanError(`save: ${spoilt}, as it diverged; save({ allowNonFinite: true }) writes it all the same`)
  }
  return encodeSafetensors(weightsOf(core))
}

/** See Model.load. */
export function loadWeights(
  core: Core,
  bytes: Uint8Array,
  options: { strict?: boolean; allowNonFinite?: boolean },
): LoadResult {
  options = checkOptions('load', options, ['strict', 'allowNonFinite'])
  const allowNonFinite = flag('load', 'allowNonFinite', options.allowNonFinite ?? false)
  const strict = flag('load', 'strict', options.strict ?? true)
  const tensors = readSafetensors(bytes)
  const own = weightsOf(core)
  const missing: string[] = []
  const mismatched: string[] = []
  for (const [name, { shape }] of Object.entries(own)) {
    const found = tensors.get(name)
    if (!found) {
      if (strict) throw new FileError(`weights: the file has no ${quote(name)}; it is of another model`)
      missing.push(name)
    } else if (!found.decodable || found.shape.join() !== shape.join()) {
      // A type that cannot be decoded is said by decode().
      if (strict) found.decode()
      const shapes = `(${few(found.shape)}) in the file, (${few(shape)}) here`
      if (strict) throw new FileError(`weights: ${quote(name)} is ${shapes}; { strict: false } loads what fits`)
      mismatched.push(name)
    }
  }
  // PyTorch's batch norm counts its batches; nothing here depends on that.
  const unexpected = [...tensors.keys()].filter(
    (name) => !Object.hasOwn(own, name) && !/(^|\.)num_batches_tracked$/.test(name),
  )
  if (strict && unexpected.length) {
    throw new FileError(`weights: the file has ${quote(unexpected[0])}, which this model has not`)
  }
  const left = new Set([...missing, ...mismatched])
  const fitting = Object.entries(own).filter(([name]) => !left.has(name))
  if (left.size && !fitting.length) {
    const names = few([...tensors.keys()].slice(0, 3))
    throw new FileError(`weights: nothing in the file (${names}, ...) has a name and a shape of this model`)
  }
  // Nothing changes before all is known to fit.
  const decoded = fitting.map(([name, { data }]) => ({ name, to: data, from: tensors.get(name)!.decode() }))
  for (const { name, from } of decoded) checkNumbers(name, from, core, allowNonFinite)
  for (const { to, from } of decoded) to.set(from)
  return { missing, mismatched, unexpected }
}

/** Throws a FileError at a number that is not finite, unless that is allowed, or that float32 cannot hold. */
function checkNumbers(name: string, data: ArrayLike<number>, { dtype }: Core, allowNonFinite: boolean): void {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      if (allowNonFinite) continue
      throw new FileError(`weights: ${quote(name)} holds ${data[i]} at ${i}; { allowNonFinite: true } takes it`)
    }
    if (dtype === 'float32' && !Number.isFinite(Math.fround(data[i]))) {
      throw new FileError(`weights: ${quote(name)} holds ${data[i]} at ${i}, more than float32 can hold`)
    }
  }
}
