// A node of the file while it is made a layer: its inputs, its attributes, and errors that say where it lies.

import { FileError, PlanError, brief, few, quote } from '../../errors'
import type { Layer } from '../../plan/layer'
import type { AttributeProto, NodeProto } from '../schema'
import { type Active, type Builder, type Known, type Step, exampleOf, fileShape } from './builder'
import { type Constant, uniformOf } from './constants'
import { checkSizes } from './open'

/** What makes layers, or a constant, of a node: its outputs in order. */
export type Converter = (op: Op) => Known | readonly (Known | undefined)[]

/** What all nodes share. */
export interface Surroundings {
  readonly where: string
  readonly builder: Builder
  /** Of ONNX's own operators. */
  readonly opset: number
  /** Size of the batch as the file has it, or a number that no other size is, where it leaves it open. */
  readonly batch: number
  /** Values that several nodes read: nothing can be folded into what gives them. */
  readonly shared: Set<number>
  /** Whether anybody reads a value. */
  readonly isRead: (name: string) => boolean
  /** The node that gives a value. */
  readonly giver: (name: string) => NodeProto | undefined
}

/** What an error calls a node. */
export function nameOf({ name, opType = '', output = [] }: NodeProto): string {
  return name ? `${quote(name)}, ${brief(opType)},` : `that gives ${quote(output[0] ?? '')}, ${brief(opType)},`
}

const named = (names: readonly string[] = []) => few(names.filter(Boolean).map(quote)) || 'nothing'

/** An error about a node. `from` is a value before it, for the cure. */
export function nodeError(where: string, node: NodeProto, message: string, from = ''): FileError {
  const cure = from ? `; { until: ${quote(from)} } takes what is before it` : ''
  const lies = `from ${named(node.input)} to ${named(node.output)}`
  return new FileError(`${where}: the node ${nameOf(node)} ${lies}: ${message}${cure}`)
}

/** Operators that may meet values whose batch is taken together with other axes, as attention is often written. */
const MERGING = new Set(
  'Reshape Transpose MatMul Gemm Softmax Mul Div Add Identity Cast Shape Where Dropout'.split(' '),
)

export class Op {
  readonly #attributes: ReadonlyMap<string, AttributeProto>

  constructor(
    readonly node: NodeProto,
    readonly inputs: readonly (Known | undefined)[],
    readonly around: Surroundings,
  ) {
    this.#attributes = new Map((node.attribute ?? []).map((one) => [one.name ?? '', one]))
  }

  /** The same node on other inputs. */
  with(inputs: readonly (Known | undefined)[]): Op {
    return new Op(this.node, inputs, this.around)
  }

  get builder(): Builder {
    return this.around.builder
  }

  get opset(): number {
    return this.around.opset
  }

  fail(message: string): FileError {
    const at = this.inputs.findIndex((one) => one?.kind === 'active' && one.from >= 0)
    return nodeError(this.around.where, this.node, message, this.node.input?.[at])
  }

  // ---- attributes; what a file leaves out of one is 0 ----

  has(name: string): boolean {
    return this.#attributes.has(name)
  }

  #attribute(name: string): AttributeProto | undefined {
    const one = this.#attributes.get(name)
    if (one?.refAttrName) throw this.fail(`${name} comes from a function around it, which is not read`)
    return one
  }

  int(name: string, missing: number): number {
    const one = this.#attribute(name)
    return one ? (one.i ?? 0) : missing
  }

  float(name: string, missing: number): number {
    const one = this.#attribute(name)
    return one ? (one.f ?? 0) : missing
  }

  text(name: string, missing: string): string {
    const one = this.#attribute(name)
    return one ? (one.s ?? '') : missing
  }

  texts(name: string): readonly string[] {
    return this.#attribute(name)?.strings ?? []
  }

  ints(name: string): number[] | undefined {
    const one = this.#attribute(name)
    return one && Array.from(one.ints ?? [])
  }

  floats(name: string): number[] | undefined {
    const one = this.#attribute(name)
    return one && Array.from(one.floats ?? [])
  }

  attribute(name: string): AttributeProto | undefined {
    return this.#attribute(name)
  }

  // ---- inputs ----

  nameOf(input: number): string {
    return this.node.input?.[input] ?? ''
  }

  /** Whether anybody reads an output. */
  isRead(output: number): boolean {
    const name = this.node.output?.[output]
    return name ? this.around.isRead(name) : false
  }

  get(input: number): Known {
    const known = this.inputs[input]
    if (known) return known
    throw this.fail(`it lacks its input ${input}`)
  }

  active(input: number): Active {
    const known = this.get(input)
    if (known.kind === 'active') {
      if (!known.merged || MERGING.has(this.node.opType ?? '')) return known
      throw this.fail(`it gets (${few(fileShape(known))}), in which the examples of a batch are no axis of their own`)
    }
    throw this.fail(`${quote(this.nameOf(input))} is a constant, where only what the network computes can stand`)
  }

  constant(input: number, what: string): Constant {
    const known = this.get(input)
    if (known.kind === 'constant') return known
    throw this.fail(`${what}, ${quote(this.nameOf(input))}, must be a constant of the file, and is computed`)
  }

  /** A list of whole numbers: an input, or of older operators an attribute. */
  list(name: string, input: number): number[] | undefined {
    if (this.has(name)) return this.ints(name)
    if (!this.inputs[input]) return undefined
    return this.limited(this.constant(input, name), name)
  }

  /** The values of a short list. */
  limited(constant: Constant, name: string): number[] {
    const size = constant.dims.reduce((all, dim) => all * dim, 1)
    if (size > 1000) throw this.fail(`${name} has ${size} numbers`)
    checkSizes(this, constant)
    return Array.from(constant.read())
  }

  /** One number that is a constant: an input, or of older operators an attribute. */
  number(name: string, input: number, missing: number): number {
    if (this.has(name)) return this.float(name, missing)
    if (!this.inputs[input]) return missing
    const one = uniformOf(this.constant(input, name))
    if (one === undefined) throw this.fail(`${name} must be one number`)
    return one
  }

  /** An axis as a place in a shape of `rank` axes. */
  axis(value: number, rank: number): number {
    const at = value < 0 ? value + rank : value
    if (Number.isInteger(at) && at >= 0 && at < rank) return at
    throw this.fail(`there is no axis ${value} in a shape of ${rank}`)
  }

  /** An axis of a value's shape as an axis of its examples; the batch is no such axis. */
  exampleAxis(value: Active, axis: number): number {
    const place = this.axis(axis, fileShape(value).length)
    const [first, end] = value.merged ?? [0, 1]
    const at = place > first ? place + end - first - 1 : place
    if (at === value.batch || (value.merged && place === first))
      throw this.fail(`it works across the examples of a batch, along axis ${axis}`)
    return at < value.batch ? at : at - 1
  }

  // ---- what it gives ----

  /** What a step is called: after its weights, as exporters name them after their modules, or after the node. */
  hint(weight = -1): string {
    const from = weight < 0 ? '' : this.nameOf(weight)
    const [, stem] =
      /^(.+?)[._/](?:weight|kernel|w|W|w_\d+|Conv2D\/ReadVariableOp.*|MatMul\/ReadVariableOp.*)$/.exec(from) ?? []
    return stem ?? (this.node.name || (this.node.opType ?? 'layer').toLowerCase())
  }

  /** A layer on `of` that keeps the shape of examples. */
  same(of: Active, make: () => Layer, more: Partial<Step> = {}): Active {
    const made = this.builder.add({ hint: this.hint(), make, of: [of], weights: {}, ...more }, of.stored)
    return { ...of, from: made.from, whole: undefined }
  }

  /** A layer on `of` that gives examples of another shape. `batch` is where the batch stands among its axes, 0 unless given. */
  gives(of: Active | readonly Active[], stored: readonly number[], make: () => Layer, more: GivesOptions = {}): Active {
    const { batch = 0, example = stored, ...rest } = more
    const size = this.around.batch
    const list = 'kind' in of ? [of] : of
    const step = { hint: this.hint(), make, of: list, weights: {}, ...rest }
    return this.builder.add(step, stored, example.toSpliced(batch, 0, size), batch)
  }

  /** Whether nobody else reads a value. */
  owns({ from }: Active): boolean {
    return from >= 0 && !this.around.shared.has(from)
  }

  /** What `work` gives; errors of our layers name the node. */
  run<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof PlanError)) throw error
      throw this.fail(error.message)
    }
  }

  /** The example's shape, of so many axes as `ranks` allow. */
  example(value: Active, ranks: readonly number[], what: string): readonly number[] {
    const shape = exampleOf(value)
    if (ranks.includes(shape.length)) return shape
    throw this.fail(`it wants ${what}, and gets examples of shape (${few(shape)})`)
  }
}

interface GivesOptions extends Partial<Omit<Step, 'make' | 'of'>> {
  batch?: number
  /** The shape of examples in the file, where that is another than the layer's. */
  example?: readonly number[]
}
