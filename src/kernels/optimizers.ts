// Twin of assembly/optimizers.ts.
import { F, SHIFT, type Heap } from './float'

export const optimizerKernels = ({ f }: Heap) => ({
  momentum(count: number, rate: number, rho: number, keep: number, dx: number, v: number, x: number): void {
    rate = F(rate)
    rho = F(rho)
    keep = F(keep)
    dx >>>= SHIFT
    v >>>= SHIFT
    x >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const velocity = F(F(rho * f[v + i]) + F(keep * f[dx + i]))
      f[v + i] = velocity
      f[x + i] = f[x + i] - F(rate * velocity)
    }
  },

  nesterov(count: number, rate: number, rho: number, ahead: number, dx: number, v: number, x: number): void {
    rate = F(rate)
    rho = F(rho)
    ahead = F(ahead)
    dx >>>= SHIFT
    v >>>= SHIFT
    x >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const kept = F(rho * f[v + i])
      const velocity = F(kept - F(rate * f[dx + i]))
      f[v + i] = velocity
      f[x + i] = f[x + i] + F(F(ahead * velocity) - kept)
    }
  },

  rmsprop(
    count: number, rate: number, decay: number, rest: number, inside: number, outside: number,
    dx: number, cache: number, x: number,
  ): void {
    rate = F(rate)
    decay = F(decay)
    rest = F(rest)
    inside = F(inside)
    outside = F(outside)
    dx >>>= SHIFT
    cache >>>= SHIFT
    x >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const g = f[dx + i]
      const mean = F(F(decay * f[cache + i]) + F(rest * F(g * g)))
      f[cache + i] = mean
      f[x + i] = f[x + i] - F(F(rate * g) / F(F(Math.sqrt(F(mean + inside))) + outside))
    }
  },

  adam(
    count: number, rate: number, beta1: number, rest1: number, beta2: number, rest2: number,
    correction2: number, inside: number, outside: number, keep: number, dx: number, m: number, v: number, x: number,
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
    x >>>= SHIFT
    for (let i = 0; i < count; i++) {
      const g = f[dx + i]
      const first = F(F(beta1 * f[m + i]) + F(rest1 * g))
      const second = F(F(beta2 * f[v + i]) + F(rest2 * F(g * g)))
      f[m + i] = first
      f[v + i] = second
      const root = F(Math.sqrt(F(F(correction2 * second) + inside)))
      f[x + i] = F(keep * f[x + i]) - F(F(rate * first) / F(root + outside))
    }
  },
})
