// Constants of an ONNX file: initializers, and what is computed of them and of shapes before a network is made.

import { FileError, few, quote } from '../../errors'
import { halves } from '../../io/safetensors'
import { product } from '../../tensor'
import { DataType, type TensorProto } from '../schema'

/** Numbers of a constant; whole numbers too, which are exact up to 2 ** 53. */
export type Numbers = Float32Array | Float64Array

/** A constant. */
export interface Constant {
  readonly kind: 'constant'
  readonly dims: readonly number[]
  /** DataType. */
  readonly type: number
  /** The only value that it has, if that is all that is known of it: it may be as large as a file likes. */
  readonly fill?: number
  /** What it is for a batch of another size, where the file leaves that open and the constant rests on it. */
  readonly elsewhere?: Constant
  /** Its values. */
  read(): Numbers
}

/** The largest size that a tensor may say it has. */
const MOST = 2 ** 40

/** The whole numbers among the types. */
export function isWhole(type: number): boolean {
  const { float, float16, bfloat16, double } = DataType
  return ![float, float16, bfloat16, double].some((one) => one === type)
}

/** What a file may have computed of its constants: about as many numbers as it holds itself. */
export class Budget {
  #left: number
  #work: number
  constructor(
    readonly where: string,
    bytes: number,
  ) {
    this.#left = 2 ** 16 + bytes / 2
    this.#work = 2 ** 25 + 2 * bytes
  }

  /** Takes memory for so many numbers, or throws a FileError. */
  take(numbers: number, what: string): void {
    this.#left -= numbers
    if (this.#left >= 0) return
    throw new FileError(`${this.where}: ${what} wants constants of ${numbers} numbers, far more than the file has`)
  }

  /** Takes the time of computing with so many numbers, or throws a FileError: a second or two in all. */
  spend(numbers: number): void {
    this.#work -= numbers
    if (this.#work >= 0) return
    throw new FileError(
      `${this.where}: the file computes with its constants over and over, in more steps than any network wants; ` +
        'onnxsim, or onnxruntime with optimized_model_filepath, folds them',
    )
  }
}

/** A constant whose values are known. */
export function constantOf(dims: readonly number[], type: number, data: Numbers): Constant {
  return { kind: 'constant', dims, type, read: () => data }
}

/** One of a single value, however large; the budget is asked when somebody wants all of them. */
export function filled(dims: readonly number[], type: number, fill: number, budget: Budget): Constant {
  let data: Numbers | undefined
  const size = product(dims)
  return {
    kind: 'constant',
    dims,
    type,
    fill,
    read() {
      if (!data) {
        budget.take(size, 'a constant of one value')
        data = (isWhole(type) ? new Float64Array(size) : new Float32Array(size)).fill(fill)
      }
      return data
    },
  }
}

/** The one value of a constant all of whose values are the same; undefined where they differ. */
export function uniformOf(constant: Constant): number | undefined {
  if (constant.fill !== undefined) return constant.fill
  const data = constant.read()
  for (let i = 1; i < data.length; i++) if (data[i] !== data[0]) return undefined
  return data.length ? data[0] : undefined
}

/** Bytes of a value of each type in `rawData`. */
const BYTES: Readonly<Record<number, number>> = {
  [DataType.float]: 4,
  [DataType.uint8]: 1,
  [DataType.int8]: 1,
  [DataType.uint16]: 2,
  [DataType.int16]: 2,
  [DataType.int32]: 4,
  [DataType.int64]: 8,
  [DataType.bool]: 1,
  [DataType.float16]: 2,
  [DataType.double]: 8,
  [DataType.uint32]: 4,
  [DataType.uint64]: 8,
  [DataType.bfloat16]: 2,
}

/** The constant that a tensor of the file is. Throws a FileError where it is damaged, or of a type without numbers. */
export function constantOfTensor(where: string, tensor: TensorProto): Constant {
  const { name = '', dataType = 0, rawData } = tensor
  const place = `${where}: the tensor ${quote(name)}`
  const dims = Array.from(tensor.dims ?? [])
  if (tensor.dataLocation || tensor.externalData?.length) {
    throw new FileError(
      `${place} lies in another file (external data), and only this one was given; save the model as one file, ` +
        'as onnx.save_model does unless told otherwise',
    )
  }
  if (tensor.segment) throw new FileError(`${place} comes in segments; save the model as one file`)
  const bytes = BYTES[dataType]
  if (!bytes) throw new FileError(`${place} has values of the type ${dataType}, which are no numbers`)
  const size = product(dims)
  if (dims.some((dim) => !(dim >= 0)) || !(size <= MOST)) {
    throw new FileError(`${place} has the shape (${few(dims)}), which is none`)
  }
  const list = listOf(tensor, dataType)
  const got = rawData ? rawData.length / bytes : list.length
  if (got !== size) {
    throw new FileError(
      `${place} is damaged: of its shape (${few(dims)}) there are ${size} values, the file has ${got}`,
    )
  }
  let data: Numbers | undefined
  return {
    kind: 'constant',
    dims,
    type: dataType,
    read: () => (data ??= rawData ? readRaw(rawData, dataType) : readList(list, dataType)),
  }
}

function listOf(tensor: TensorProto, type: number): ArrayLike<number> {
  const { floatData, int32Data, int64Data, doubleData, uint64Data } = tensor
  const list =
    type === DataType.float
      ? floatData
      : type === DataType.double
        ? doubleData
        : type === DataType.int64
          ? int64Data
          : type === DataType.uint64 || type === DataType.uint32
            ? uint64Data
            : int32Data
  return list ?? []
}

function readList(list: ArrayLike<number>, type: number): Numbers {
  if (type === DataType.float) return list instanceof Float32Array ? list : Float32Array.from(list)
  if (type === DataType.float16 || type === DataType.bfloat16) return read16(Uint16Array.from(list).buffer, type)
  return list instanceof Float64Array ? list : Float64Array.from(list)
}

function read16(buffer: ArrayBuffer, type: number): Float32Array {
  return type === DataType.float16 ? halves(buffer, 10, 15) : halves(buffer, 7, 127)
}

/** The values of a part of the file, which may begin anywhere: so they are copied. */
function readRaw(raw: Uint8Array, type: number): Numbers {
  const { buffer } = Uint8Array.from(raw)
  switch (type) {
    case DataType.float:
      return new Float32Array(buffer)
    case DataType.double:
      return new Float64Array(buffer)
    case DataType.float16:
    case DataType.bfloat16:
      return read16(buffer, type)
    case DataType.int64:
      return Float64Array.from(new BigInt64Array(buffer), Number)
    case DataType.uint64:
      return Float64Array.from(new BigUint64Array(buffer), Number)
    case DataType.int32:
      return Float64Array.from(new Int32Array(buffer))
    case DataType.uint32:
      return Float64Array.from(new Uint32Array(buffer))
    case DataType.int16:
      return Float64Array.from(new Int16Array(buffer))
    case DataType.uint16:
      return Float64Array.from(new Uint16Array(buffer))
    case DataType.int8:
      return Float64Array.from(new Int8Array(buffer))
    default:
      return Float64Array.from(new Uint8Array(buffer))
  }
}
