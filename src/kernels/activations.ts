// Twin of assembly/activations.ts.
import { expNonPositive, powerOf, seriesOf } from './exp'
import { F, SHIFT, type Heap } from './float'
import { EXPM1_LEAST, TANH_FAR, powerOfTwo } from './math'

const FAR = F(TANH_FAR)

export function divide(a: number, aLost: number, b: number, bLost: number): number {
  const y = F(a / b)
  return F(y + F(F(aLost - F(y * bLost)) / b))
}

function tanhOf(size: number): number {
  const twice = F(-2 * size)
  const z = twice < EXPM1_LEAST ? EXPM1_LEAST : twice
  const k = powerOf(z)
  const power = powerOfTwo(k)
  const series = F(power * seriesOf(z, k))
  const less = F(power - 1)
  const first = F(less + series)
  const lost = F(series - F(first - less))
  const e = F(F(1 + first) + lost)
  if (e < FAR) return F(1 - F(F(e + e) / F(1 + e)))
  const b = F(2 + first)
  return divide(-first, -lost, b, F(F(first - F(b - 2)) + lost))
}

export function expm1(x: number): number {
  const z = x < EXPM1_LEAST ? EXPM1_LEAST : x
  const k = powerOf(z)
  const power = powerOfTwo(k)
  return F(F(power - 1) + F(power * seriesOf(z, k)))
}

export const activationKernels = ({ f }: Heap) => ({
  sigmoidForward(count: number, x: number, _scratch: number, y: number): void {
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const value = f[x + i]
      const e = expNonPositive(-Math.abs(value))
      const b = F(1 + e)
      f[y + i] = divide(value < 0 ? e : 1, 0, b, F(e - F(b - 1)))
    }
  },

  sigmoidBackward(count: number, y: number, dy: number, dx: number): void {
    y >>>= SHIFT
    dy >>>= SHIFT
    dx >>>= SHIFT
    for (let i = 0; i < count; i++) f[dx + i] = f[dy + i] * F(f[y + i] * F(1 - f[y + i]))
  },

  tanhForward(count: number, x: number, _scratch: number, y: number): void {
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const value = f[x + i]
      const size = Math.abs(tanhOf(Math.abs(value)))
      // -0 has a sign as well.
      f[y + i] = value < 0 || 1 / value < 0 ? -size : size
    }
  },

  tanhBackward(count: number, y: number, dy: number, dx: number): void {
    y >>>= SHIFT
    dy >>>= SHIFT
    dx >>>= SHIFT
    for (let i = 0; i < count; i++) f[dx + i] = f[dy + i] * F(1 - F(f[y + i] * f[y + i]))
  },

  eluForward(count: number, alpha: number, x: number, _scratch: number, y: number): void {
    alpha = F(alpha)
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const value = f[x + i]
      f[y + i] = value > 0 ? value : expm1(value) * alpha
    }
  },

  eluBackward(count: number, alpha: number, y: number, dy: number, dx: number): void {
    alpha = F(alpha)
    y >>>= SHIFT
    dy >>>= SHIFT
    dx >>>= SHIFT
    for (let i = 0; i < count; i++) f[dx + i] = f[y + i] > 0 ? f[dy + i] : f[dy + i] * F(f[y + i] + alpha)
  },
})
