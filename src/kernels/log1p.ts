// Twin of assembly/log1p.ts.
import { F, LANES } from './float'
import { LN2_HIGH_SINGLE, LN2_LOW_SINGLE, LOG_3, LOG_5, LOG_7, LOG_9, SQRT2_LESS_1, log1p } from './math'

const [C9, C7, C5, C3] = [LOG_9, LOG_7, LOG_5, LOG_3].map(F)
const HIGH = F(LN2_HIGH_SINGLE)
const LOW = F(LN2_LOW_SINGLE)
const BOUND = F(SQRT2_LESS_1)

function log1pSingle(u: number): number {
  const large = u > BOUND
  const f = large ? F(F(u - 1) * 0.5) : u
  const s = F(f / F(2 + f))
  const z = F(s * s)
  const q = F(F(F(F(F(F(C9 * z) + C7) * z) + C5) * z) + C3)
  const rest = F(s * F(f - F(F(2 * z) * q)))
  return large ? F(HIGH - F(F(rest - LOW) - f)) : F(f - rest)
}

/** ln(1 + u) for u from 0 to 1 or NaN. */
export const log1pOfUnit: (u: number) => number = LANES === 2 ? log1p : log1pSingle
