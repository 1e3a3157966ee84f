// Twin of assembly/activations.ts.
import { expNonPositive, expm1NonPositive } from './exp'
import { F, SHIFT, type Heap } from './float'
import { EXPM1_LEAST } from './math'

export const activationKernels = ({ f }: Heap) => ({
  sigmoidForward(count: number, x: number, _scratch: number, y: number): void {
    x >>>= SHIFT
    y >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const value = f[x + i]
      const e = expNonPositive(-Math.abs(value))
      f[y + i] = (value < 0 ? e : 1) / F(1 + e)
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
      const z = F(-2 * Math.abs(value))
      const e = expm1NonPositive(z < EXPM1_LEAST ? EXPM1_LEAST : z)
      const size = Math.abs(F(-e / F(e + 2)))
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
      f[y + i] = value > 0 ? value : expm1NonPositive(value < EXPM1_LEAST ? EXPM1_LEAST : value) * alpha
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
