// The messages of an ONNX file, as onnx.proto3 has them, with names in camel case. Only what we read or write is here.

import { FileError } from '../errors'
import { type Field, type MessageType, decodeMessage, encodeMessage } from './protobuf'

/** A whole file: a graph, and the versions of the operators in it. */
export interface ModelProto {
  irVersion?: number
  producerName?: string
  producerVersion?: string
  domain?: string
  modelVersion?: number
  docString?: string
  graph?: GraphProto
  opsetImport?: OperatorSetIdProto[]
  metadataProps?: StringStringEntryProto[]
  functions?: FunctionProto[]
}

/** Nodes in an order in which they can run, the constants that they read, and what goes in and comes out. */
export interface GraphProto {
  node?: NodeProto[]
  name?: string
  initializer?: TensorProto[]
  docString?: string
  input?: ValueInfoProto[]
  output?: ValueInfoProto[]
  valueInfo?: ValueInfoProto[]
  sparseInitializer?: object[]
}

/** An operator on values by their names; a name of '' is an input or output that is left out. */
export interface NodeProto {
  input?: string[]
  output?: string[]
  name?: string
  opType?: string
  attribute?: AttributeProto[]
  docString?: string
  domain?: string
}

/** One attribute of a node: `type` says which of the other members holds it. */
export interface AttributeProto {
  name?: string
  f?: number
  i?: number
  s?: string
  t?: TensorProto
  g?: GraphProto
  floats?: ArrayLike<number>
  ints?: ArrayLike<number>
  strings?: string[]
  type?: number
  refAttrName?: string
}

/** A constant: its values are in `rawData`, little endian, or in the list of its type. */
export interface TensorProto {
  dims?: ArrayLike<number>
  dataType?: number
  segment?: object
  floatData?: ArrayLike<number>
  int32Data?: ArrayLike<number>
  stringData?: Uint8Array[]
  int64Data?: ArrayLike<number>
  name?: string
  rawData?: Uint8Array
  doubleData?: ArrayLike<number>
  uint64Data?: ArrayLike<number>
  externalData?: StringStringEntryProto[]
  dataLocation?: number
}

/** The name and the type of a value. */
export interface ValueInfoProto {
  name?: string
  type?: TypeProto
  docString?: string
}

/** What a value is: a tensor, of all that we read. */
export interface TypeProto {
  tensorType?: TensorTypeProto
}

/** What its values are, and how many. */
export interface TensorTypeProto {
  elemType?: number
  shape?: TensorShapeProto
}

/** The sizes of a tensor. */
export interface TensorShapeProto {
  dim?: DimensionProto[]
}

/** A size: a number, or the name of one that is known when the graph runs, or neither. */
export interface DimensionProto {
  dimValue?: number
  dimParam?: string
}

/** Which version of a family of operators a file uses; a domain of '' are ONNX's own. */
export interface OperatorSetIdProto {
  domain?: string
  version?: number
}

/** Text by its name. */
export interface StringStringEntryProto {
  key?: string
  value?: string
}

/** An operator that the file itself defines. */
export interface FunctionProto {
  name?: string
  domain?: string
}

/** TensorProto.DataType. */
export const DataType = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const

/** AttributeProto.AttributeType. */
export const AttributeType = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const

const one = (name: string, of: Field['of']): Field => ({ name, of })
const many = (name: string, of: Field['of']): Field => ({ name, of, repeated: true })

const EMPTY: MessageType = { name: 'Other', fields: {} }

const ENTRY: MessageType = {
  name: 'StringStringEntryProto',
  fields: { 1: one('key', 'string'), 2: one('value', 'text') },
}

const OPSET: MessageType = {
  name: 'OperatorSetIdProto',
  fields: { 1: one('domain', 'string'), 2: one('version', 'int') },
}

const TENSOR: MessageType = {
  name: 'TensorProto',
  fields: {
    1: many('dims', 'int'),
    2: one('dataType', 'int'),
    3: one('segment', () => EMPTY),
    4: many('floatData', 'float'),
    5: many('int32Data', 'int'),
    6: many('stringData', 'bytes'),
    7: many('int64Data', 'int'),
    8: one('name', 'string'),
    9: one('rawData', 'bytes'),
    10: many('doubleData', 'double'),
    11: many('uint64Data', 'int'),
    13: many('externalData', () => ENTRY),
    14: one('dataLocation', 'int'),
  },
}

const DIMENSION: MessageType = {
  name: 'Dimension',
  fields: { 1: one('dimValue', 'int'), 2: one('dimParam', 'string') },
}

const SHAPE: MessageType = { name: 'TensorShapeProto', fields: { 1: many('dim', () => DIMENSION) } }

const TENSOR_TYPE: MessageType = {
  name: 'TypeProto.Tensor',
  fields: { 1: one('elemType', 'int'), 2: one('shape', () => SHAPE) },
}

const TYPE: MessageType = { name: 'TypeProto', fields: { 1: one('tensorType', () => TENSOR_TYPE) } }

const VALUE: MessageType = {
  name: 'ValueInfoProto',
  fields: { 1: one('name', 'string'), 2: one('type', () => TYPE), 3: one('docString', 'text') },
}

const ATTRIBUTE: MessageType = {
  name: 'AttributeProto',
  fields: {
    1: one('name', 'string'),
    2: one('f', 'float'),
    3: one('i', 'int'),
    4: one('s', 'text'),
    5: one('t', () => TENSOR),
    6: one('g', () => GRAPH),
    7: many('floats', 'float'),
    8: many('ints', 'int'),
    9: many('strings', 'text'),
    20: one('type', 'int'),
    21: one('refAttrName', 'string'),
  },
}

const NODE: MessageType = {
  name: 'NodeProto',
  fields: {
    1: many('input', 'string'),
    2: many('output', 'string'),
    3: one('name', 'string'),
    4: one('opType', 'string'),
    5: many('attribute', () => ATTRIBUTE),
    6: one('docString', 'text'),
    7: one('domain', 'string'),
  },
}

const GRAPH: MessageType = {
  name: 'GraphProto',
  fields: {
    1: many('node', () => NODE),
    2: one('name', 'string'),
    5: many('initializer', () => TENSOR),
    10: one('docString', 'text'),
    11: many('input', () => VALUE),
    12: many('output', () => VALUE),
    13: many('valueInfo', () => VALUE),
    15: many('sparseInitializer', () => EMPTY),
  },
}

const FUNCTION: MessageType = {
  name: 'FunctionProto',
  fields: { 1: one('name', 'string'), 10: one('domain', 'string') },
}

const MODEL: MessageType = {
  name: 'ModelProto',
  fields: {
    1: one('irVersion', 'int'),
    2: one('producerName', 'text'),
    3: one('producerVersion', 'text'),
    4: one('domain', 'string'),
    5: one('modelVersion', 'int'),
    6: one('docString', 'text'),
    7: one('graph', () => GRAPH),
    8: many('opsetImport', () => OPSET),
    14: many('metadataProps', () => ENTRY),
    25: many('functions', () => FUNCTION),
  },
}

/** The model in a file's bytes; `rawData` are views of them. Throws a FileError, which begins with `where`. */
export function decodeModel(where: string, bytes: Uint8Array): ModelProto {
  const model: ModelProto = decodeMessage(where, bytes, MODEL)
  if (model.graph) return model
  throw new FileError(`${where}: there is no graph in these ${bytes.length} bytes; is it an ONNX file?`)
}

/** A file's bytes. */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  return encodeMessage(model, MODEL)
}
