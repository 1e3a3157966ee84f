// Forms of the optimizers that few ask for: see optimizers.ts.

import { LANES, SIZE } from './float'

/**
 * AMSGrad (Reddi et al., 2018): as adam, but by s = max(s, v), the largest v so far:
 * x = keep x - rate m / (sqrt(correction2 s + inside) + outside).
 */
export function amsgrad(
  count: i32, rate: Float, beta1: Float, rest1: Float, beta2: Float, rest2: Float,
  correction2: Float, inside: Float, outside: Float, keep: Float,
  dx: usize, m: usize, v: usize, s: usize, x: usize,
): void {
  const rates = v128.splat<Float>(rate)
  const beta1s = v128.splat<Float>(beta1)
  const rest1s = v128.splat<Float>(rest1)
  const beta2s = v128.splat<Float>(beta2)
  const rest2s = v128.splat<Float>(rest2)
  const corrections = v128.splat<Float>(correction2)
  const insides = v128.splat<Float>(inside)
  const outsides = v128.splat<Float>(outside)
  const keeps = v128.splat<Float>(keep)
  for (; count >= LANES; count -= LANES) {
    const g = v128.load(dx)
    const first = v128.add<Float>(v128.mul<Float>(beta1s, v128.load(m)), v128.mul<Float>(rest1s, g))
    const second = v128.add<Float>(
      v128.mul<Float>(beta2s, v128.load(v)),
      v128.mul<Float>(rest2s, v128.mul<Float>(g, g)),
    )
    const most = v128.pmax<Float>(v128.load(s), second)
    v128.store(m, first)
    v128.store(v, second)
    v128.store(s, most)
    const root = v128.sqrt<Float>(v128.add<Float>(v128.mul<Float>(corrections, most), insides))
    const step = v128.div<Float>(v128.mul<Float>(rates, first), v128.add<Float>(root, outsides))
    v128.store(x, v128.sub<Float>(v128.mul<Float>(keeps, v128.load(x)), step))
    dx += 16
    m += 16
    v += 16
    s += 16
    x += 16
  }
  for (; count > 0; --count) {
    const g = load<Float>(dx)
    const first: Float = beta1 * load<Float>(m) + rest1 * g
    const second: Float = beta2 * load<Float>(v) + rest2 * (g * g)
    const before = load<Float>(s)
    const most: Float = before < second ? second : before
    store<Float>(m, first)
    store<Float>(v, second)
    store<Float>(s, most)
    store<Float>(x, keep * load<Float>(x) - (rate * first) / (sqrt<Float>(correction2 * most + inside) + outside))
    dx += SIZE
    m += SIZE
    v += SIZE
    s += SIZE
    x += SIZE
  }
}

/**
 * RMSProp with momentum, or by the variance: r = decay r + rest dx^2; centered: a = decay a + rest dx and r - a^2, at least
 * 0, in the place of r; u = dx / (sqrt(r + inside) + outside); v = rho v + u; x -= rate v. Without `centered` nothing is
 * done with a, and where rho is 0 nothing with v.
 */
export function rmspropFull(
  count: i32, rate: Float, decay: Float, rest: Float, inside: Float, outside: Float, rho: Float, centered: i32,
  dx: usize, r: usize, a: usize, v: usize, x: usize,
): void {
  const zero = v128.splat<Float>(0)
  const rates = v128.splat<Float>(rate)
  const decays = v128.splat<Float>(decay)
  const rests = v128.splat<Float>(rest)
  const insides = v128.splat<Float>(inside)
  const outsides = v128.splat<Float>(outside)
  const rhos = v128.splat<Float>(rho)
  for (; count >= LANES; count -= LANES) {
    const g = v128.load(dx)
    let squares = v128.add<Float>(
      v128.mul<Float>(decays, v128.load(r)),
      v128.mul<Float>(rests, v128.mul<Float>(g, g)),
    )
    v128.store(r, squares)
    if (centered) {
      const mean = v128.add<Float>(v128.mul<Float>(decays, v128.load(a)), v128.mul<Float>(rests, g))
      v128.store(a, mean)
      squares = v128.pmax<Float>(v128.sub<Float>(squares, v128.mul<Float>(mean, mean)), zero)
    }
    let step = v128.div<Float>(g, v128.add<Float>(v128.sqrt<Float>(v128.add<Float>(squares, insides)), outsides))
    if (rho) {
      step = v128.add<Float>(v128.mul<Float>(rhos, v128.load(v)), step)
      v128.store(v, step)
    }
    v128.store(x, v128.sub<Float>(v128.load(x), v128.mul<Float>(rates, step)))
    dx += 16
    r += 16
    a += 16
    v += 16
    x += 16
  }
  for (; count > 0; --count) {
    const g = load<Float>(dx)
    let squares: Float = decay * load<Float>(r) + rest * (g * g)
    store<Float>(r, squares)
    if (centered) {
      const mean: Float = decay * load<Float>(a) + rest * g
      store<Float>(a, mean)
      const variance: Float = squares - mean * mean
      squares = variance < 0 ? 0 : variance
    }
    let step: Float = g / (sqrt<Float>(squares + inside) + outside)
    if (rho) {
      step = rho * load<Float>(v) + step
      store<Float>(v, step)
    }
    store<Float>(x, load<Float>(x) - rate * step)
    dx += SIZE
    r += SIZE
    a += SIZE
    v += SIZE
    x += SIZE
  }
}
