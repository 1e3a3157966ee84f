// What numbers become in the types of a file: whole ones wrap around, those of 16 bits are rounded.

import { DataType } from '../schema'
import { isWhole } from './constants'
import type { Converter, Op } from './op'

/** Of whole numbers, how many bits they have, and whether one is a sign. */
const BITS: Readonly<Record<number, readonly [bits: number, signed: boolean]>> = {
  [DataType.int8]: [8, true],
  [DataType.uint8]: [8, false],
  [DataType.int16]: [16, true],
  [DataType.uint16]: [16, false],
  [DataType.int32]: [32, true],
  [DataType.uint32]: [32, false],
  [DataType.int64]: [64, true],
  [DataType.uint64]: [64, false],
}

/** What a whole number that is computed becomes in a type. Throws where it is not known to the last digit. */
export function wrapped(op: Op, type: number, value: number): number {
  const whole = Math.trunc(value) + 0
  if (!(type in BITS)) return whole
  if (!Number.isSafeInteger(whole))
    throw op.fail(`it computes the whole number ${value}, and 2 ** 53 is the limit here`)
  const [bits, signed] = BITS[type]
  return Number((signed ? BigInt.asIntN : BigInt.asUintN)(bits, BigInt(whole)))
}

/** What Cast makes of a number. */
export function converted(op: Op, before: number, type: number, value: number): number {
  const { bool, float, float16, bfloat16 } = DataType
  if (type === before) return value
  if (type === bool) return Number(value !== 0)
  if (type === float16) return rounded(value, 10, 15)
  if (type === bfloat16) return rounded(value, 7, 127)
  if (type === float) return Math.fround(value)
  if (!isWhole(type)) return value
  const whole = wrapped(op, type, value)
  if (!isWhole(before) && whole !== Math.trunc(value)) throw op.fail(`${value} is no number of the type ${type}`)
  return whole
}

/** A number as it is with so many bits behind the first, and exponents up to a bias. */
function rounded(value: number, fractionBits: number, bias: number): number {
  const size = Math.abs(value)
  if (!(size > 0 && size < Infinity)) return value
  const unit = 2 ** (Math.max(Math.floor(Math.log2(size)), 1 - bias) - fractionBits)
  const below = Math.floor(size / unit)
  const rest = size / unit - below
  const count = rest > 0.5 || (rest === 0.5 && below % 2) ? below + 1 : below
  const most = (2 - 2 ** -fractionBits) * 2 ** bias
  return Math.sign(value) * (count * unit > most ? Infinity : count * unit)
}

/** A value that the network computes, in another type. */
export const cast: Converter = (op) => {
  const x = op.active(0)
  const to = op.int('to', 1)
  const { int32, int64, float16, bfloat16, bool } = DataType
  if (isWhole(to)) {
    if (x.whole && (to === int32 || to === int64)) return x
    if (to === bool) throw op.fail('it asks what is 0, which no layer does')
    throw op.fail(`it cuts off what whole numbers of the type ${to} do not hold, which no layer does`)
  }
  // Networks of 16 bits run here with more; what one node rounds and the next widens is rounded on purpose.
  const before = op.around.giver(op.nameOf(0))
  const type = before?.opType === 'Cast' ? before.attribute?.find(({ name }) => name === 'to')?.i : undefined
  if ((type === float16 || type === bfloat16) && to !== type) throw op.fail('it rounds to 16 bits, which no layer does')
  return x
}
