// An ONNX file as a network of ours: its graph is walked from the outputs to the inputs, so that what no output wants is
// never looked at, and each node becomes a layer, or a part of one.

import { FileError, PlanError, checkArguments, checkOptions, few, flag, isPlain, quote, show } from '../errors'
import { type Imported, imported } from '../model/imported'
import type { InputShape } from '../model/options'
import { ACTIVATIONS } from './import/activations'
import { ARITHMETIC } from './import/arithmetic'
import { type Active, Builder, type Known, exampleOf, freeName } from './import/builder'
import { Budget } from './import/constants'
import { File } from './import/file'
import { FOLDED } from './import/fold'
import { OPEN, checkNumbers, folded as foldedOf } from './import/open'
import { type Converter, Op, type Surroundings, nodeError } from './import/op'
import { findPattern } from './import/patterns'
import { PRODUCTS } from './import/products'
import { RECURRENT } from './import/recurrent'
import { SHAPES } from './import/shapes'
import { WINDOWS } from './import/windows'
import { product } from '../tensor'
import { DataType, type ModelProto, type NodeProto, type ValueInfoProto, decodeModel } from './schema'

/** How to read an ONNX file. */
export interface FromOnnxOptions {
  /**
   * The shape of one example, such as [3, 224, 224], wanted where the file leaves it open; of several inputs by name.
   */
  input?: readonly number[] | Readonly<Record<string, readonly number[]>>
  /**
   * The network ends at the value of that name, at that of the node of that name, or at the last of the PyTorch module of
   * that name. At the outputs of the file unless given.
   */
  until?: string
  /**
   * Whether a softmax or a sigmoid at the end is left out, so that the network ends in scores, as softmaxCrossEntropy and
   * binaryCrossEntropy want them. False unless given.
   */
  scores?: boolean
}

const WHERE = 'fromOnnx'
const CONVERTERS: Readonly<Record<string, Converter>> = {
  ...ARITHMETIC,
  ...ACTIVATIONS,
  ...WINDOWS,
  ...PRODUCTS,
  ...SHAPES,
  ...RECURRENT,
}
/** ONNX's own operators; others are of other domains. */
const OWN = new Set(['', 'ai.onnx'])
/** The versions of operators that are known. */
const OLDEST = 7

/**
 * A network of ours out of an ONNX file, such as PyTorch, Keras (by tf2onnx) or PaddlePaddle write: made of our layers,
 * so that it can be trained further, with the weights of the file under our names.
 *
 *     const { network, input, load } = fromOnnx(readFileSync('model.onnx'))
 *     const model = await createModel(network, { input: input!, dtype: 'float32' })
 *     load(model)
 *
 * The first axis of each input, and of each output, is the batch. Where the file leaves other sizes open, `input` gives
 * them; `until` takes the part of the network that ends at a value, a node or a module, such as the body before a head:
 *
 *     const body = fromOnnx(readFileSync('model.onnx'), { input: [3, 48, 192], until: 'features' })
 *     const model = await createModel(sequential({ body: freeze(body.network), head: dense(5) }), {
 *       input: body.input!,
 *       loss: softmaxCrossEntropy(),
 *       optimizer: adam({ learningRate: 1e-3 }),
 *     })
 *     body.load(model, { at: 'body' })
 *
 * What only scales and shifts is put into the weights of the layer before it, so there may be fewer layers than nodes.
 * A layer is called after its weights in the file, or after its node. Throws a FileError where the bytes are no ONNX file
 * or a damaged one, or where no layer does what a node does: it names the node, its operator and where it lies.
 *
 * `In` and `Out` are the names of inputs and outputs where there are several; nothing in the types knows what is in a file.
 */
export function fromOnnx<In extends string = never, Out extends string = never>(
  bytes: Uint8Array | ArrayBuffer,
  options: FromOnnxOptions = {},
): Imported<In, Out> {
  checkArguments(WHERE, arguments, 2)
  const { input, until, scores = false } = checkOptions(WHERE, options, ['input', 'until', 'scores'])
  flag(WHERE, 'scores', scores)
  if (until !== undefined && typeof until !== 'string') {
    throw new PlanError(`${WHERE}: until must be the name of a value or a node of the file, got ${show(until)}`)
  }
  const view = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes
  if (!(view instanceof Uint8Array)) {
    throw new PlanError(`${WHERE}: wants the bytes of an ONNX file, as a Uint8Array or ArrayBuffer, got ${show(bytes)}`)
  }
  const model = decodeModel(WHERE, view)
  const file = new File(WHERE, model.graph!)
  const opset = opsetOf(model)
  const given = wantedOf(file, until)
  const wanted = scores ? given.map((name) => scoresOf(file, name)) : given
  const begun = inputsOf(file, input)
  const builder = new Builder(WHERE, new Budget(WHERE, view.length))
  const isRead = (name: string) => file.readers(name) > 0 || wanted.includes(name)
  const giver = (name: string) => file.givers.get(name)
  const around = { where: WHERE, builder, opset, batch: begun.batch, shared: new Set<number>(), isRead, giver }
  const known = walk(file, around, begun, wanted)
  const outputs = wanted.map((name): Active => {
    const value = known.get(name)!
    if (value.kind === 'constant') throw new FileError(`${WHERE}: the output ${quote(name)} is a constant`)
    const example = exampleOf(value)
    if (product(value.shape.slice(0, value.batch)) !== 1) {
      const shape = value.shape.map((size, axis) => (axis === value.batch ? 'N' : size))
      throw new FileError(
        `${WHERE}: the output ${quote(name)} of shape (${few(shape)}) has the batch as its axis ${value.batch}, ` +
          'and networks give it first; { until } takes a value before the node that moves it',
      )
    }
    return builder.as(value, example.length ? example : [1])
  })
  const taken = new Map<string, number>()
  const names = begun.names.map((name) => freeName(name, taken))
  const outputNames = new Map<string, number>()
  const { used, weights, network } = named(() =>
    builder.finish(
      names,
      outputs.map((value, i) => [freeName(given[i], outputNames), value]),
    ),
  )
  const shapes = Object.fromEntries(names.map((name, i) => [name, begun.shapes[i]]))
  const shape = used.length > 1 ? Object.fromEntries(used.map((name) => [name, shapes[name]])) : shapes[used[0]]
  return imported<string, string>(WHERE, { network: network as never, input: shape as never, weights }) as never
}

/** What `work` gives; what our layers find wrong is wrong with the file. */
function named<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof PlanError) throw new FileError(`${WHERE}: ${error.message}`, { cause: error })
    throw error
  }
}

/** Which version of ONNX's own operators the file uses. */
function opsetOf({ opsetImport = [], functions = [] }: ModelProto): number {
  if (functions.length) {
    throw new FileError(
      `${WHERE}: the file defines operators of its own, such as ${quote(functions[0].name ?? '')}, which are not read; ` +
        'write them out, as onnx.inliner does',
    )
  }
  const version = opsetImport.find(({ domain = '' }) => OWN.has(domain))?.version ?? 1
  if (version >= OLDEST) return version
  throw new FileError(
    `${WHERE}: the file uses version ${version} of the operators, and ${OLDEST} is the oldest that is read; ` +
      'onnx.version_converter makes it newer',
  )
}

/** What the softmax or sigmoid reads that gives the value of that name; itself where another node does. */
function scoresOf({ givers }: File, name: string): string {
  const node = givers.get(name)
  return node && /^(LogSoftmax|Softmax|Sigmoid)$/.test(node.opType ?? '') ? (node.input?.[0] ?? name) : name
}

/** Whether a node is of the module of that name, as PyTorch names its nodes: '/features/features.0/Conv' is of 'features'. */
function isWithin(name: string | undefined, module: string): boolean {
  return name !== undefined && (name.startsWith(`/${module}/`) || name.startsWith(`${module}/`))
}

/** The names of the values that the network is to give. */
function wantedOf(file: File, until: string | undefined): string[] {
  const { graph, givers } = file
  if (until === undefined) {
    const outputs = (graph.output ?? []).map(({ name = '' }) => name)
    if (!outputs.length) throw new FileError(`${WHERE}: the graph has no output`)
    if (new Set(outputs).size < outputs.length)
      throw new FileError(`${WHERE}: two outputs have one name: ${few(outputs)}`)
    return outputs
  }
  if (givers.has(until)) return [until]
  const nodes = graph.node ?? []
  const found = nodes.find(({ name }) => name === until) ?? nodes.findLast(({ name }) => isWithin(name, until))
  if (found?.output?.[0]) return [found.output[0]]
  // Whole, to be copied.
  const last = [...givers.keys()].slice(-5).filter((name) => name.length < 200)
  throw new FileError(
    `${WHERE}: until: nothing in the file is called ${quote(until)}; its last values are '${last.join("', '")}'`,
  )
}

/** The inputs of the graph: their names, the shapes of examples, and what stands for them. */
function inputsOf(file: File, given: FromOnnxOptions['input']) {
  const { inputs } = file
  const names = inputs.map(({ name = '' }) => name)
  const byName =
    given !== undefined && isPlain(given) ? (given as Readonly<Record<string, readonly number[]>>) : undefined
  if (given !== undefined && !byName && inputs.length !== 1) {
    throw new PlanError(`${WHERE}: the file has the inputs ${few(names)}; give input by name: { ${names[0]}: [...] }`)
  }
  for (const name of Object.keys(byName ?? {})) {
    if (!names.includes(name))
      throw new PlanError(`${WHERE}: input: the file has no ${quote(name)}; it has ${few(names)}`)
  }
  const told = (name: string) => (byName ? byName[name] : (given as readonly number[] | undefined))
  const faults = new Map<string, FileError>()
  const found = inputs.map((info) => {
    try {
      return inputOf(info, told(info.name ?? ''))
    } catch (error) {
      if (!(error instanceof FileError)) throw error
      // It matters only where somebody reads it.
      faults.set(info.name ?? '', error)
      return undefined
    }
  })
  const sizes = new Set(found.flatMap((one) => one?.batch ?? []))
  const [batch = OPEN] = sizes
  if (sizes.size > 1) throw new FileError(`${WHERE}: inputs of batches of different sizes: ${few([...sizes])}`)
  const values = new Map<string, Active>()
  found.forEach((one, i) => {
    if (!one) return
    const { shape, whole } = one
    values.set(names[i], { kind: 'active', from: -1 - i, stored: shape, shape: [batch, ...shape], batch: 0, whole })
  })
  const shapes = found.map((one): InputShape => {
    const { shape = [], whole = false } = one ?? {}
    return whole ? { shape, dtype: 'int32' } : shape
  })
  return { names, values, faults, shapes, batch }
}

/** An input: the shape of an example, the size of a batch if the file fixes it, and whether it is of whole numbers. */
function inputOf({ name = '', type }: ValueInfoProto, given: readonly number[] | undefined) {
  const place = `${WHERE}: the input ${quote(name)}`
  const tensor = type?.tensorType
  if (!tensor) throw new FileError(`${place} is no tensor`)
  const { elemType = 0 } = tensor
  const { float, double, float16, int32, int64, uint8 } = DataType
  const isWhole = elemType === int32 || elemType === int64
  if (!isWhole && ![float, double, float16, uint8].some((one) => one === elemType)) {
    throw new FileError(`${place} is of the type ${elemType}, where numbers are wanted`)
  }
  const dims =
    tensor.shape &&
    (tensor.shape.dim ?? []).map(({ dimValue, dimParam }) => (dimParam || !dimValue ? undefined : dimValue))
  const list: unknown = given
  if (list !== undefined && !(Array.isArray(list) && list.every((size) => Number.isSafeInteger(size) && size > 0))) {
    throw new PlanError(`${WHERE}: input must be the shape of one example, such as [3, 224, 224], got ${show(given)}`)
  }
  if (!dims && !given) throw new FileError(`${place} has no shape in the file; give that of one example as input`)
  const [batch, ...rest] = dims ?? [undefined, ...given!]
  if (dims && !dims.length) throw new FileError(`${place} is a single number, without a batch`)
  if (given && given.length !== rest.length) {
    throw new PlanError(
      `${WHERE}: input: examples of ${quote(name)} have ${rest.length} axes, the batch not counted; got [${few(given)}]`,
    )
  }
  const shape = rest.map((size, axis) => given?.[axis] ?? size)
  const open = shape.findIndex((size) => size === undefined)
  if (open >= 0) {
    const text = few(shape.map((size) => size ?? '?'))
    throw new FileError(`${place} leaves its shape open: [${text}]; give that of one example, as { input: [${text}] }`)
  }
  const wrong = shape.findIndex((size, axis) => rest[axis] !== undefined && rest[axis] !== size)
  if (wrong >= 0) {
    throw new PlanError(
      `${WHERE}: input: examples of ${quote(name)} have shape [${few(rest.map((size) => size ?? '?'))}] in the file, got [${few(given!)}]`,
    )
  }
  if (shape.some((size) => !(size! > 0)) || (batch !== undefined && !(batch > 0))) {
    throw new FileError(`${place} has the shape (${few([batch ?? '?', ...(shape as number[])])}), which is none`)
  }
  return { shape: shape.length ? (shape as number[]) : [1], batch, whole: isWhole }
}

/** What nodes a value waits for. */
interface Task {
  readonly node: NodeProto
  readonly reads: readonly string[]
  readonly convert: (inputs: readonly (Known | undefined)[]) => readonly (Known | undefined)[]
}

/** All values that the wanted ones rest on. */
function walk(
  file: File,
  around: Surroundings,
  { values: inputs, faults }: ReturnType<typeof inputsOf>,
  wanted: readonly string[],
): Map<string, Known> {
  const known = new Map<string, Known>()
  const keep = (name: string, value: Known) => {
    known.set(name, value)
    if (value.kind === 'active' && file.readers(name) !== 1) around.shared.add(value.from)
  }
  for (const [name, value] of inputs) keep(name, value)
  const begun = new Set<string>()
  const stack: { name: string; task?: Task }[] = wanted.toReversed().map((name) => ({ name }))
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const { name } = top
    if (known.has(name)) {
      stack.pop()
      continue
    }
    if (top.task) {
      const { node, reads, convert } = top.task
      const values = reads.map((read) => (read ? known.get(read) : undefined))
      const outputs = convert(values)
      node.output?.forEach((output, i) => {
        if (output && outputs[i]) keep(output, outputs[i])
      })
      if (!known.has(name)) {
        throw nodeError(
          WHERE,
          node,
          `its output ${quote(name)} is in no layer`,
          file.inputs.length ? node.input?.[0] : '',
        )
      }
      stack.pop()
      continue
    }
    const constant = file.constant(name)
    if (constant) {
      known.set(name, constant)
      continue
    }
    const node = file.givers.get(name)
    const fault = faults.get(name)
    if (fault) throw fault
    if (!node) throw new FileError(`${WHERE}: nothing in the file gives ${quote(name)}, which is read`)
    if (begun.has(name)) throw nodeError(WHERE, node, `${quote(name)} rests on itself: the graph has a cycle`)
    begun.add(name)
    top.task = taskOf(file, around, node, name)
    for (const read of top.task.reads.toReversed()) if (read && !known.has(read)) stack.push({ name: read })
  }
  return known
}

function taskOf(file: File, around: Surroundings, node: NodeProto, name: string): Task {
  const { opType = '', domain = '', input = [] } = node
  const place = (message: string) => nodeError(WHERE, node, message, file.givers.has(input[0]) ? input[0] : '')
  if (!OWN.has(domain) && !(domain === 'com.microsoft' && opType === 'Gelu')) {
    throw place(`no layer does what this operator of ${quote(domain)} does`)
  }
  const pattern = findPattern(file, node, name)
  if (pattern) {
    const { reads, convert } = pattern
    return {
      node,
      reads,
      convert(inputs) {
        const op = new Op({ ...node, input: [...reads] }, inputs, around)
        const value = op.run(() => convert(op))
        return (node.output ?? []).map((output) => (output === name ? value : undefined))
      },
    }
  }
  const converter = Object.hasOwn(CONVERTERS, opType) ? CONVERTERS[opType] : undefined
  const folded = Object.hasOwn(FOLDED, opType) ? FOLDED[opType] : undefined
  if (!converter && !folded) {
    const why = /^(If|Loop|Scan)$/.test(opType)
      ? 'graphs within graphs are not read'
      : 'no layer does what this operator does'
    throw place(why)
  }
  return {
    node,
    reads: input,
    convert(inputs) {
      const op = new Op(node, inputs, around)
      const isFixed = inputs.every((one) => one?.kind !== 'active')
      const use = isFixed ? folded : converter
      if (isFixed && use && opType !== 'Constant') op.get(0)
      if (!use)
        throw op.fail(isFixed ? 'it computes with constants alone, which it is not read for' : 'no layer does it')
      if (!isFixed) checkNumbers(op)
      const given = op.run(() => (isFixed ? foldedOf(op, use) : use(op)))
      return 'kind' in given ? [given] : given
    },
  }
}
