// Twin of assembly/normal.ts.
import { F, LANES } from './float'
import {
  EXP_3, TAIL_0, TAIL_1, TAIL_10, TAIL_11, TAIL_12, TAIL_13, TAIL_14, TAIL_15, TAIL_16, TAIL_17, TAIL_18, TAIL_19, TAIL_2,
  TAIL_20, TAIL_21, TAIL_22, TAIL_3, TAIL_4, TAIL_5, TAIL_6, TAIL_7, TAIL_8, TAIL_9, TAIL_CENTRE, TAIL_SINGLE_0,
  TAIL_SINGLE_1, TAIL_SINGLE_2, TAIL_SINGLE_3, TAIL_SINGLE_4, TAIL_SINGLE_5, TAIL_SINGLE_6, TAIL_SINGLE_7,
  TAIL_SINGLE_8, TAIL_SINGLE_9,
} from './math'

const TAIL = [
  TAIL_22, TAIL_21, TAIL_20, TAIL_19, TAIL_18, TAIL_17, TAIL_16, TAIL_15, TAIL_14, TAIL_13, TAIL_12, TAIL_11, TAIL_10,
  TAIL_9, TAIL_8, TAIL_7, TAIL_6, TAIL_5, TAIL_4, TAIL_3, TAIL_2, TAIL_1, TAIL_0,
]
const TAIL_SINGLE = [
  TAIL_SINGLE_9, TAIL_SINGLE_8, TAIL_SINGLE_7, TAIL_SINGLE_6, TAIL_SINGLE_5, TAIL_SINGLE_4, TAIL_SINGLE_3,
  TAIL_SINGLE_2, TAIL_SINGLE_1, TAIL_SINGLE_0,
]
const COEFFICIENTS = (LANES === 2 ? TAIL : TAIL_SINGLE).map(F)
const CUBE = F(EXP_3)
const SPLIT = LANES === 2 ? 134217729 : 4097

/** The first half of the digits of x, for |x| < 2^100. */
export function firstHalf(x: number): number {
  const c = F(x * SPLIT)
  return F(c - F(c - x))
}

/** e^(-x^2/2) from e = e^(-h^2/2), h = firstHalf(x). */
export function density(x: number, e: number): number {
  const h = firstHalf(x)
  const d = F(F(F(h - x) * F(h + x)) * 0.5)
  return F(e + F(e * F(d + F(F(d * d) * F(0.5 + F(d * CUBE))))))
}

/** The distribution at -x, for x >= 0 or NaN and e = e^(-x^2/2). */
export function belowMinus(x: number, e: number): number {
  const b = F(x + TAIL_CENTRE)
  const s = F(F(x - TAIL_CENTRE) / b)
  const z = F(s * s)
  // Even and odd powers, each by s^2.
  let p = COEFFICIENTS[0]
  let q = COEFFICIENTS[1]
  for (let i = 2; i < COEFFICIENTS.length; i++) {
    if (i & 1) q = F(F(q * z) + COEFFICIENTS[i])
    else p = F(F(p * z) + COEFFICIENTS[i])
  }
  const sum = COEFFICIENTS.length & 1 ? F(F(q * s) + p) : F(F(p * s) + q)
  return F(e * F(sum / b))
}
