// What a file of another library becomes: a network of our layers, and the weights for it.

import { FileError, PlanError, checkArguments, checkOptions, few, quote, show } from '../errors'
import type { StoredTensor } from '../io/safetensors'
import type { GraphOf } from '../layers/graph'
import type { Tensor } from '../tensor'
import { weightsOf } from '../training/state'
import { settle } from '../training/step'
import { type AnyModel, coreOf } from './core-of'
import type { InputShape } from './options'
import { loadTensors } from './weights'

/** A network of another library, to train further. `In` and `Out` name its inputs and outputs, if it has several. */
export interface Imported<In extends string = never, Out extends string = never> {
  /** A description, as our own layers make it: plan it, take it as a part of a larger one, freeze it. */
  readonly network: GraphOf<In, Out>
  /** The option of createModel, by name where there are several inputs. Undefined where the file leaves a shape open. */
  readonly input: ([In] extends [never] ? InputShape : Readonly<Record<In, InputShape>>) | undefined
  /** By the names of the network's parameters and buffers; encodeSafetensors makes a file of them, as a worker model loads. */
  readonly weights: Readonly<Record<string, Tensor>>
  /**
   * Puts the weights into a model of this network. `at`, '' unless given, is the name of this network within a larger one,
   * such as 'body' in `sequential({ body: network, head })`: then into that part, leaving the rest. Throws a FileError, and
   * changes nothing, where the model has not all of them, or another shape.
   */
  load(model: AnyModel, options?: { at?: string }): void
}

/** Makes it, of what a reader found. `where` is the reader's name, for messages. */
export function imported<In extends string, Out extends string>(
  where: string,
  parts: Omit<Imported<In, Out>, 'load'>,
): Imported<In, Out> {
  return {
    ...parts,
    load(model, options = {}) {
      const place = `${where}(...).load`
      checkArguments(place, arguments, 2)
      const { at = '' } = checkOptions(place, options, ['at'])
      if (typeof at !== 'string')
        throw new PlanError(`${place}: at must be the name of a part of the model, got ${show(at)}`)
      const core = coreOf(place, model)
      settle(place, core)
      const begin = at === '' ? '' : `${at}.`
      const own = weightsOf(core)
      const stored = new Map<string, StoredTensor>()
      for (const [name, { shape, data }] of Object.entries(parts.weights)) {
        const full = begin + name
        if (!Object.hasOwn(own, full)) {
          const found = Object.keys(own)
          throw new FileError(
            `${place}: the model has no ${quote(full)}; it has ${found.length ? few(found) : 'no weights'}. ` +
              'at: says which part of it this network is',
          )
        }
        stored.set(full, {
          dtype: data.BYTES_PER_ELEMENT === 8 ? 'F64' : 'F32',
          shape,
          decodable: true,
          decode: () => data,
        })
      }
      const lacking = Object.keys(own).find((name) => name.startsWith(begin) && !stored.has(name))
      if (lacking)
        throw new FileError(
          `${place}: the file has no ${quote(lacking)}, which the model has; at: says which part of it this network is`,
        )
      for (const [name, { shape }] of stored) {
        if (own[name].shape.join() === shape.join()) continue
        throw new FileError(`${place}: ${quote(name)} is (${few(shape)}) in the file, (${few(own[name].shape)}) here`)
      }
      if (stored.size) loadTensors(core, stored, false, false)
    },
  }
}
