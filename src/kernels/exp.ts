// Twin of assembly/exp.ts.
import { F, LANES } from './float'
import {
  EXP_2, EXP_3, EXP_4, EXP_5, EXP_6, EXP_7, EXP_UNDERFLOW_SINGLE, LN2_HIGH_SINGLE, LN2_LOW_SINGLE, LOG2_E, exp, expm1,
  powerOfTwo,
} from './math'

const SERIES = [EXP_7, EXP_6, EXP_5, EXP_4, EXP_3, EXP_2].map(F)
const LOG2 = F(LOG2_E)
const HIGH = F(LN2_HIGH_SINGLE)
const LOW = F(LN2_LOW_SINGLE)
const UNDERFLOW = F(EXP_UNDERFLOW_SINGLE)

/** k of x = k ln 2 + r. */
const powerSingle = (x: number): number => Math.floor(F(F(x * LOG2) + 0.5))

/** e^r - 1. */
function seriesSingle(x: number, k: number): number {
  const r = F(F(x - F(k * HIGH)) - F(k * LOW))
  let p = SERIES[0]
  for (let i = 1; i < SERIES.length; i++) p = F(F(p * r) + SERIES[i])
  return F(r + F(F(r * r) * p))
}

function expSingle(x: number): number {
  if (x !== x) return x
  if (x < UNDERFLOW) return 0
  const k = powerSingle(x)
  return F(F(F(1 + seriesSingle(x, k)) * powerOfTwo(k + 64)) * powerOfTwo(-64))
}

function expm1Single(x: number): number {
  if (x !== x) return x
  const k = powerSingle(x)
  const power = powerOfTwo(k)
  return F(F(power * seriesSingle(x, k)) + F(power - 1))
}

/** e^x for x <= 0 or NaN. */
export const expNonPositive: (x: number) => number = LANES === 2 ? exp : expSingle
/** e^x - 1 for EXPM1_LEAST <= x <= 0 or NaN. */
export const expm1NonPositive: (x: number) => number = LANES === 2 ? expm1 : expm1Single
