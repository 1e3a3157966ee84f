// Twin of assembly/optimizers-more.ts.
import { F, SHIFT, type Heap } from './float'

export const moreOptimizerKernels = ({ f }: Heap) => ({
  amsgrad(
    count: number, rate: number, beta1: number, rest1: number, beta2: number, rest2: number,
    correction2: number, inside: number, outside: number, keep: number,
    dx: number, m: number, v: number, s: number, x: number,
  ): void {
    rate = F(rate)
    beta1 = F(beta1)
    rest1 = F(rest1)
    beta2 = F(beta2)
    rest2 = F(rest2)
    correction2 = F(correction2)
    inside = F(inside)
    outside = F(outside)
    keep = F(keep)
    dx >>>= SHIFT
    m >>>= SHIFT
    v >>>= SHIFT
    s >>>= SHIFT
    x >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const g = f[dx + i]
      const first = F(F(beta1 * f[m + i]) + F(rest1 * g))
      const second = F(F(beta2 * f[v + i]) + F(rest2 * F(g * g)))
      const most = f[s + i] < second ? second : f[s + i]
      f[m + i] = first
      f[v + i] = second
      f[s + i] = most
      const root = F(Math.sqrt(F(F(correction2 * most) + inside)))
      f[x + i] = F(keep * f[x + i]) - F(F(rate * first) / F(root + outside))
    }
  },

  rmspropFull(
    count: number, rate: number, decay: number, rest: number, inside: number, outside: number, rho: number,
    centered: number, dx: number, r: number, a: number, v: number, x: number,
  ): void {
    rate = F(rate)
    decay = F(decay)
    rest = F(rest)
    inside = F(inside)
    outside = F(outside)
    rho = F(rho)
    dx >>>= SHIFT
    r >>>= SHIFT
    a >>>= SHIFT
    v >>>= SHIFT
    x >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const g = f[dx + i]
      let squares = F(F(decay * f[r + i]) + F(rest * F(g * g)))
      f[r + i] = squares
      if (centered) {
        const mean = F(F(decay * f[a + i]) + F(rest * g))
        f[a + i] = mean
        const variance = F(squares - F(mean * mean))
        squares = variance < 0 ? 0 : variance
      }
      let step = F(g / F(F(Math.sqrt(F(squares + inside))) + outside))
      if (rho) {
        step = F(F(rho * f[v + i]) + step)
        f[v + i] = step
      }
      f[x + i] = f[x + i] - F(rate * step)
    }
  },
})
