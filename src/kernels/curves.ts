// Twin of assembly/curves.ts.
import { divide, expm1 } from './activations'
import {
  DENSITY, GELU, GELU_1, GELU_3, GELU_FAR, GELU_TANH, HARD_SIGMOID, HARD_SWISH, SELU, SELU_BELOW, SELU_SCALE, SIXTH,
  SOFTPLUS,
} from './curve-kinds'
import { expNonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { log1pOfUnit } from './log1p'
import { belowMinus, density, firstHalf } from './normal'

const [C1, C3, SLOPE_3, LINE] = [GELU_1, GELU_3, 3 * GELU_3, SIXTH].map(F)
const [PHI, ABOVE, BELOW] = [DENSITY, SELU_SCALE, SELU_BELOW].map(F)

function held(x: number): number {
  if (GELU_FAR < x) return GELU_FAR
  return x < -GELU_FAR ? -GELU_FAR : x
}

function sigmoidOf(x: number, e: number): number {
  const b = F(1 + e)
  return divide(x < 0 ? e : 1, 0, b, F(e - F(b - 1)))
}

/** e^(-x^2/2), where |x| is held to GELU_FAR. */
function densityOf(size: number): number {
  const h = firstHalf(size)
  return density(size, expNonPositive(F(F(h * h) * -0.5)))
}

function normalOf(x: number): number {
  const size = Math.abs(held(x))
  const below = belowMinus(size, densityOf(size))
  return x < 0 ? below : F(1 - below)
}

function hardSigmoidOf(x: number): number {
  const line = F(F(x * LINE) + 0.5)
  if (line < 0) return 0
  return 1 < line ? 1 : line
}

/** sigmoid(2 z) of the GELU with a tanh. */
function gateOf(x: number): number {
  const w = held(x)
  return sigmoidOf(x, expNonPositive(-Math.abs(F(w * F(C1 + F(C3 * F(w * w)))))))
}

function valueOf(kind: number, x: number): number {
  if (kind === HARD_SIGMOID) return hardSigmoidOf(x)
  if (kind === HARD_SWISH) return F(x * hardSigmoidOf(x))
  if (kind === SELU) return x > 0 ? F(x * ABOVE) : F(expm1(x) * BELOW)
  if (kind === GELU) return F(x * normalOf(x))
  if (kind === GELU_TANH) return F(x * gateOf(x))
  const e = expNonPositive(-Math.abs(x))
  return kind === SOFTPLUS ? F((x < 0 ? 0 : x) + log1pOfUnit(e)) : F(x * sigmoidOf(x, e))
}

function slopeOf(kind: number, x: number): number {
  const inside = Math.abs(x) < 3
  if (kind === HARD_SIGMOID) return inside ? LINE : 0
  if (kind === HARD_SWISH) return F(hardSigmoidOf(x) + (inside ? F(x * LINE) : 0))
  if (kind === SELU) return x > 0 ? ABOVE : F(expNonPositive(x) * BELOW)
  if (kind === GELU) return F(normalOf(x) + F(x * F(densityOf(Math.abs(held(x))) * PHI)))
  if (kind === GELU_TANH) {
    const s = gateOf(x)
    const w = held(x)
    return F(s + F(w * F(F(s * F(1 - s)) * F(C1 + F(SLOPE_3 * F(w * w))))))
  }
  const s = sigmoidOf(x, expNonPositive(-Math.abs(x)))
  return kind === SOFTPLUS ? s : F(s + F(x * F(s * F(1 - s))))
}

export const curveKernels = ({ f }: Heap) => ({
  curveForward(count: number, kind: number, x: number, _scratch: number, slope: number, y: number): void {
    x >>>= SHIFT
    slope >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const value = f[x + i]
      if (slope) f[slope + i] = slopeOf(kind, value)
      f[y + i] = valueOf(kind, value)
    }
  },
})
