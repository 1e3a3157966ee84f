// A model as a file of ONNX.

import {
  MAX_SIZE,
  PlanError,
  callable,
  checkArguments,
  checkOptions,
  few,
  flag,
  integer,
  isPlain,
  oneOf,
  quote,
  show,
} from '../../errors'
import { version } from '#host'
import { ownMetadata } from '../../model/architecture'
import { type AnyModel, coreOf } from '../../model/core-of'
import { countOf } from '../../plan/layout'
import type { DType, Tensor } from '../../tensor'
import type { Core, Head } from '../../training/core'
import { firstNotFinite } from '../../training/divergence'
import { weightsOf } from '../../training/state'
import { settle } from '../../training/step'
import { DataType, type GraphProto, type NodeProto, type ValueInfoProto, encodeModel } from '../schema'
import type { OnnxEmitter } from './layer'
import { writeNetwork } from './walk'
import { type OnnxValue, Writer } from './writer'

/** How a model is written. */
export interface OnnxOptions {
  /** Rows of a batch: a number, or 'dynamic' for any, each time anew. 'dynamic' unless given. */
  batch?: number | 'dynamic'
  /** Of the file's numbers; the model's unless given. Few runtimes but those of CPUs know float64. */
  dtype?: DType
  /** Whether scores go through softmax or sigmoid, as predict's do. False unless given. */
  probabilities?: boolean
  /**
   * Whether the file has an input for how many steps of each row count, int32 of [N], as predict's `lengths`: 'lengths', or
   * 'lengths.' and the name of the input that they are of. False unless given.
   */
  lengths?: boolean
  /** Whether weights may be NaN or infinite. False unless given. */
  allowNonFinite?: boolean
  /** What writes layers that are not of this library, by their kind. */
  layers?: Readonly<Record<string, OnnxEmitter>>
}

const OPTIONS = ['batch', 'dtype', 'probabilities', 'lengths', 'allowNonFinite', 'layers'] as const

/** What onnxruntime 1.12 and all after it read. */
const [IR_VERSION, OPSET] = [8, 17]
const BATCH = 'N'
/** What nodes and names take is left out: a few MB. */
const MOST_BYTES = 2 ** 31 - 2 ** 24

/**
 * The model as a file of ONNX (opset 17), which gives what `predict` gives: for onnxruntime and whatever else runs such
 * files. Dropout is gone, norms use their running statistics. One input is called `input`, one output `output`; those of a
 * graph have its names, with _1 behind that of an output which an input has too. Ids are int32. Parameters keep their
 * names, but for those of recurrent layers in float32, which ONNX has in another order: `W`, `R` and `B` behind the name of
 * the layer. `metadata` of the model goes into the file's, text as it is, all else as JSON.
 *
 *     import * as ort from 'onnxruntime-web'
 *     import { saveFile } from 'v128/files'
 *     import { toOnnx } from 'v128/onnx'
 *
 *     const bytes = toOnnx(model, { dtype: 'float32' })
 *     await saveFile('flowers.onnx', bytes)
 *     const session = await ort.InferenceSession.create(bytes)
 *     const input = new ort.Tensor('float32', Float32Array.from(x), [100, 4])
 *     const { output } = await session.run({ input })
 *
 * In float64 what onnxruntime has for float32 alone, such as Conv and LSTM, is written out by what it has for both: right
 * to the last digits, but slower, and not read by fromOnnx: take float32 for other programs. A stateful layer cannot be
 * written. A model in a worker is read back first:
 * `toOnnx(await loadModel(await worker.save()))`. Throws a PlanError on a layer that is not of this library, unless `layers`
 * says how it is written, and where a weight is not finite.
 */
export function toOnnx(model: AnyModel, options: OnnxOptions = {}): Uint8Array<ArrayBuffer> {
  checkArguments('toOnnx', arguments, 2)
  const core = coreOf('toOnnx', model)
  const told = checked(core, options)
  settle('toOnnx', core)
  const spoilt = told.allowNonFinite ? undefined : firstNotFinite(core)
  if (spoilt) {
    throw new PlanError(
      `toOnnx: ${spoilt}, as it diverged; toOnnx(model, { allowNonFinite: true }) writes it all the same`,
    )
  }
  const weights = weightsOf(core)
  if (told.dtype !== core.dtype) checkRange(weights, told.dtype)
  checkSize(countOf([...core.parameters, ...core.buffers]), told.dtype)
  return encodeModel({
    irVersion: IR_VERSION,
    producerName: 'v128',
    producerVersion: version,
    opsetImport: [{ domain: '', version: OPSET }],
    graph: graphOf(core, weights, told),
    metadataProps: Object.entries(JSON.parse(ownMetadata('toOnnx', core.metadata)) as object).map(([key, value]) => ({
      key,
      value: typeof value === 'string' ? value : JSON.stringify(value),
    })),
  })
}

type Weights = Readonly<Record<string, Tensor>>

/** Throws a PlanError where a weight is a number that the dtype does not have. */
function checkRange(weights: Weights, dtype: DType): void {
  if (dtype === 'float64') return
  for (const [name, { data }] of Object.entries(weights)) {
    const at = data.findIndex((value: number) => Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
    if (at < 0) continue
    const value = `${quote(name)} has ${data[at]}, at ${at}`
    throw new PlanError(`toOnnx: ${value}, which float32 cannot hold; take dtype: 'float64'`)
  }
}

/** Throws a PlanError where so many weights are more than a file can hold: protobuf counts its bytes with 31 bits. */
export function checkSize(count: number, dtype: DType): void {
  const bytes = count * (dtype === 'float64' ? 8 : 4)
  if (bytes < MOST_BYTES) return
  const cure = dtype === 'float64' && bytes / 2 < MOST_BYTES ? "; take dtype: 'float32'" : ''
  throw new PlanError(`toOnnx: the weights take ${bytes} bytes, but a file of ONNX holds less than 2 GiB${cure}`)
}

type Told = Required<Omit<OnnxOptions, 'batch'>> & { readonly batch: number | undefined }

function checked(core: Core, options: OnnxOptions): Told {
  const given = checkOptions('toOnnx', options, OPTIONS)
  const { batch = 'dynamic', layers = {} } = given
  const told = {
    batch: batch === 'dynamic' ? undefined : integer('toOnnx', 'batch', batch, 1, MAX_SIZE),
    dtype: oneOf('toOnnx', 'dtype', given.dtype ?? core.dtype, ['float64', 'float32']),
    probabilities: flag('toOnnx', 'probabilities', given.probabilities ?? false),
    lengths: flag('toOnnx', 'lengths', given.lengths ?? false),
    allowNonFinite: flag('toOnnx', 'allowNonFinite', given.allowNonFinite ?? false),
    layers,
  }
  if (!isPlain(layers))
    throw new PlanError(`toOnnx: layers must be an object of functions by kind, got ${show(layers)}`)
  for (const [kind, emitter] of Object.entries(layers)) {
    callable('toOnnx', `layers.${kind}`, emitter, 'a function (layer, x, ...others) that gives the output')
  }
  if (told.probabilities && !core.heads.some(({ loss }) => loss?.probabilities)) {
    const kinds = [...new Set(core.heads.map(({ loss }) => loss?.kind ?? 'a model without a loss'))].join(', ')
    throw new PlanError(`toOnnx: ${kinds} has no probabilities; softmaxCrossEntropy and binaryCrossEntropy have some`)
  }
  return told
}

function graphOf(core: Core, weights: Weights, told: Told): GraphProto {
  const { batch, dtype } = told
  const writer = new Writer(dtype, weights)
  const numbers = dtype === 'float64' ? DataType.double : DataType.float
  const outputNames = core.heads.map(({ name }) => name || 'output')
  const inputs = core.inputs.map(({ name, value }, i): OnnxValue => {
    const { shape } = value
    // An image has three axes.
    const sequence = shape.length < 3 ? i : undefined
    return { name: writer.unique(name || 'input'), shape, ids: value.ids !== undefined, sequence }
  })
  // An output that is called like an input has a number behind its name.
  const names = outputNames.map((name) => writer.unique(name))
  const lengths = new Map<number, OnnxValue>()
  const lengthsOf = (input: number): OnnxValue | undefined => {
    if (!told.lengths) return undefined
    const { name } = core.inputs[input]
    const known = lengths.get(input) ?? { name: writer.unique(name ? `lengths.${name}` : 'lengths'), shape: [] }
    lengths.set(input, known)
    return known
  }
  const walk = { writer, emitters: told.layers, lengths: lengthsOf }
  const outputs = writeNetwork(walk, core.origin.network, inputs).map((y, i) => {
    const head = core.heads[i]
    if (y.shape.join() !== head.value.shape.join()) {
      const shapes = `(${few(y.shape)}), but the model's is (${few(head.value.shape)})`
      throw new PlanError(`toOnnx: the output${head.name && ` ${quote(head.name)}`} is of ${shapes}`)
    }
    return told.probabilities ? asProbabilities(writer, y, head) : y
  })
  if (told.lengths && !lengths.size) {
    throw new PlanError('toOnnx: no layer of this network heeds the lengths of rows; leave lengths out')
  }
  nameOutputs(writer, outputs, names)
  const valueOf = (name: string, shape: readonly number[], elemType: number): ValueInfoProto => {
    const first = batch === undefined ? { dimParam: BATCH } : { dimValue: batch }
    const dim = [first, ...shape.map((dimValue) => ({ dimValue }))]
    return { name, type: { tensorType: { elemType, shape: { dim } } } }
  }
  return {
    name: 'v128',
    node: writer.nodes,
    initializer: writer.initializers,
    input: [
      ...inputs.map(({ name, shape, ids }) => valueOf(name, shape, ids ? DataType.int32 : numbers)),
      ...[...lengths.values()].map(({ name }) => valueOf(name, [], DataType.int32)),
    ],
    output: outputs.map(({ shape, ids }, i) => valueOf(names[i], shape, ids ? DataType.int32 : numbers)),
  }
}

/** As predict has them: of scores side by side, as many as belong to one position. */
function asProbabilities(writer: Writer, y: OnnxValue, { loss, size }: Head): OnnxValue {
  const kind = loss?.probabilities
  if (!kind) return y
  const { shape } = y
  if (kind === 'sigmoid') return writer.node('', 'Sigmoid', [y], [shape], {})[0]
  if (shape.at(-1) === size) return writer.node('', 'Softmax', [y], [shape], { axis: shape.length })[0]
  const reshaped = (x: OnnxValue, to: readonly number[]) =>
    writer.node('', 'Reshape', [x, writer.integers('shape', [0, ...to])], [to], {})[0]
  const rows = reshaped(y, [shape.reduce((a, b) => a * b, 1) / size, size])
  return reshaped(writer.node('', 'Softmax', [rows], [rows.shape], { axis: 2 })[0], shape)
}

/** Calls the outputs by their names, in the nodes that give and read them; one that no node gives is made by one. */
function nameOutputs(writer: Writer, outputs: readonly OnnxValue[], names: readonly string[]): void {
  const renamed = new Map<string, string>()
  const given = new Set(writer.nodes.flatMap(({ output }) => output))
  const extra: NodeProto[] = []
  outputs.forEach(({ name }, i) => {
    if (given.has(name) && !renamed.has(name)) renamed.set(name, names[i])
    else extra.push({ name: writer.unique('Identity'), opType: 'Identity', input: [name], output: [names[i]] })
  })
  const rename = (list: readonly string[]) => list.map((name) => renamed.get(name) ?? name)
  writer.nodes.push(...extra)
  for (const node of writer.nodes) {
    node.input = rename(node.input!)
    node.output = rename(node.output!)
  }
}
