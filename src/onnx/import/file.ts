// The graph of a file by its names: who gives a value, who reads it, and what it is if it is a constant.

import { FileError, few, quote } from '../../errors'
import type { GraphProto, NodeProto, TensorProto } from '../schema'
import { type Constant, constantOfTensor } from './constants'
import { nodeError } from './op'

export class File {
  /** What gives each value that a node gives. */
  readonly givers = new Map<string, NodeProto>()
  readonly #initializers = new Map<string, TensorProto>()
  readonly #constants = new Map<string, Constant>()
  readonly #readers = new Map<string, number>()
  readonly #inputs: ReadonlySet<string>

  constructor(
    readonly where: string,
    readonly graph: GraphProto,
  ) {
    if (graph.sparseInitializer?.length) throw new FileError(`${where}: sparse initializers are not read`)
    for (const tensor of graph.initializer ?? []) {
      const name = tensor.name ?? ''
      if (this.#initializers.has(name)) throw new FileError(`${where}: two initializers are called ${quote(name)}`)
      this.#initializers.set(name, tensor)
    }
    const inputs = (graph.input ?? []).map(({ name = '' }) => name)
    this.#inputs = new Set(inputs)
    if (this.#inputs.size < inputs.length) throw new FileError(`${where}: two inputs have one name: ${few(inputs)}`)
    for (const node of graph.node ?? []) {
      for (const name of node.output ?? []) {
        if (!name) continue
        if (this.givers.has(name) || this.#initializers.has(name) || this.#inputs.has(name)) {
          throw nodeError(where, node, `${quote(name)} is given twice`)
        }
        this.givers.set(name, node)
      }
      for (const name of node.input ?? []) this.#readers.set(name, this.readers(name) + 1)
    }
    for (const { name = '' } of graph.output ?? []) this.#readers.set(name, this.readers(name) + 1)
  }

  /** How many read a value, outputs of the graph among them. */
  readers(name: string): number {
    return this.#readers.get(name) ?? 0
  }

  /** Of the graph's inputs those that have no value in the file. */
  get inputs() {
    return (this.graph.input ?? []).filter(({ name = '' }) => !this.#initializers.has(name))
  }

  /** The constant that the file has under a name, as an initializer or as a node without inputs. */
  constant(name: string): Constant | undefined {
    let known = this.#constants.get(name)
    if (!known) {
      const giver = this.givers.get(name)
      const value =
        giver?.opType === 'Constant' && !giver.domain
          ? giver.attribute?.find((one) => one.name === 'value')?.t
          : undefined
      const tensor = this.#initializers.get(name) ?? value
      if (tensor) this.#constants.set(name, (known = constantOfTensor(this.where, tensor)))
    }
    return known
  }
}
