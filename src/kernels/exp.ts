// Twin of assembly/exp.ts.
import { F, LANES } from './float'
import {
  EXP_2, EXP_3, EXP_4, EXP_5, EXP_6, EXP_7, EXP_UNDERFLOW_SINGLE, LN2_HIGH_SINGLE, LN2_LOW_SINGLE, LOG2_E, exp,
  expPower, expSeries, powerOfTwo,
} from './math'

const SERIES = [EXP_7, EXP_6, EXP_5, EXP_4, EXP_3, EXP_2].map(F)
const LOG2 = F(LOG2_E)
const HIGH = F(LN2_HIGH_SINGLE)
const LOW = F(LN2_LOW_SINGLE)
const UNDERFLOW = F(EXP_UNDERFLOW_SINGLE)

function expPowerSingle(x: number): number {
  return Math.floor(F(F(x * LOG2) + 0.5))
}

function expSeriesSingle(x: number, k: number): number {
  const r = F(F(x - F(k * HIGH)) - F(k * LOW))
  let p = SERIES[0]
  for (let i = 1; i < SERIES.length; i++) p = F(F(p * r) + SERIES[i])
  return F(r + F(F(r * r) * p))
}

function expSingle(x: number): number {
  if (x !== x) return x
  if (x < UNDERFLOW) return 0
  const k = expPowerSingle(x)
  return F(F(F(1 + expSeriesSingle(x, k)) * powerOfTwo(k + 64)) * powerOfTwo(-64))
}

/** e^x for x <= 0 or NaN. */
export const expNonPositive: (x: number) => number = LANES === 2 ? exp : expSingle
/** k of x = k ln 2 + r. */
export const powerOf: (x: number) => number = LANES === 2 ? expPower : expPowerSingle
/** e^r - 1. */
export const seriesOf: (x: number, k: number) => number = LANES === 2 ? expSeries : expSeriesSingle
