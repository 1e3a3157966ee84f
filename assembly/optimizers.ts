// Optimizer updates of all parameters x at once, dx their gradients. Numbers that depend on the step alone (the rate,
// bias corrections, 1 - beta) are computed once by the caller, in float64.

import { LANES, SIZE } from './float'

/** v = rho v + keep dx; x -= rate v. Momentum: keep = 1; its exponential average: keep = 1 - rho. */
export function momentum(count: i32, rate: Float, rho: Float, keep: Float, dx: usize, v: usize, x: usize): void {
  const rates = v128.splat<Float>(rate)
  const rhos = v128.splat<Float>(rho)
  const keeps = v128.splat<Float>(keep)
  for (; count >= LANES; count -= LANES) {
    const velocity = v128.add<Float>(
      v128.mul<Float>(rhos, v128.load(v)),
      v128.mul<Float>(keeps, v128.load(dx)),
    )
    v128.store(v, velocity)
    v128.store(x, v128.sub<Float>(v128.load(x), v128.mul<Float>(rates, velocity)))
    dx += 16
    v += 16
    x += 16
  }
  for (; count > 0; --count) {
    const velocity: Float = rho * load<Float>(v) + keep * load<Float>(dx)
    store<Float>(v, velocity)
    store<Float>(x, load<Float>(x) - rate * velocity)
    dx += SIZE
    v += SIZE
    x += SIZE
  }
}

/** Nesterov's momentum: old = v; v = rho v - rate dx; x += ahead v - rho old, with ahead = 1 + rho. */
export function nesterov(count: i32, rate: Float, rho: Float, ahead: Float, dx: usize, v: usize, x: usize): void {
  const rates = v128.splat<Float>(rate)
  const rhos = v128.splat<Float>(rho)
  const aheads = v128.splat<Float>(ahead)
  for (; count >= LANES; count -= LANES) {
    const kept = v128.mul<Float>(rhos, v128.load(v))
    const velocity = v128.sub<Float>(kept, v128.mul<Float>(rates, v128.load(dx)))
    v128.store(v, velocity)
    v128.store(x, v128.add<Float>(v128.load(x), v128.sub<Float>(v128.mul<Float>(aheads, velocity), kept)))
    dx += 16
    v += 16
    x += 16
  }
  for (; count > 0; --count) {
    const kept: Float = rho * load<Float>(v)
    const velocity: Float = kept - rate * load<Float>(dx)
    store<Float>(v, velocity)
    store<Float>(x, load<Float>(x) + (ahead * velocity - kept))
    dx += SIZE
    v += SIZE
    x += SIZE
  }
}

/**
 * RMSProp: cache = decay cache + rest dx^2; x -= rate dx / (sqrt(cache + inside) + outside). inside and outside are
 * where epsilon stands, the other one 0. With decay = rest = 1 it is AdaGrad.
 */
export function rmsprop(
  count: i32, rate: Float, decay: Float, rest: Float, inside: Float, outside: Float,
  dx: usize, cache: usize, x: usize,
): void {
  const rates = v128.splat<Float>(rate)
  const decays = v128.splat<Float>(decay)
  const rests = v128.splat<Float>(rest)
  const insides = v128.splat<Float>(inside)
  const outsides = v128.splat<Float>(outside)
  for (; count >= LANES; count -= LANES) {
    const g = v128.load(dx)
    const mean = v128.add<Float>(
      v128.mul<Float>(decays, v128.load(cache)),
      v128.mul<Float>(rests, v128.mul<Float>(g, g)),
    )
    v128.store(cache, mean)
    const root = v128.add<Float>(v128.sqrt<Float>(v128.add<Float>(mean, insides)), outsides)
    v128.store(x, v128.sub<Float>(v128.load(x), v128.div<Float>(v128.mul<Float>(rates, g), root)))
    dx += 16
    cache += 16
    x += 16
  }
  for (; count > 0; --count) {
    const g = load<Float>(dx)
    const mean: Float = decay * load<Float>(cache) + rest * (g * g)
    store<Float>(cache, mean)
    store<Float>(x, load<Float>(x) - (rate * g) / (sqrt<Float>(mean + inside) + outside))
    dx += SIZE
    cache += SIZE
    x += SIZE
  }
}

/**
 * Adam (Kingma & Ba, 2015): m = beta1 m + rest1 dx; v = beta2 v + rest2 dx^2;
 * x = keep x - rate m / (sqrt(correction2 v + inside) + outside).
 * rest = 1 - beta; keep is 1, or 1 - rate * decay for AdamW; rate holds 1 / (1 - beta1^t), correction2 is
 * 1 / (1 - beta2^t); inside and outside are where epsilon stands, the other one 0.
 */
export function adam(
  count: i32, rate: Float, beta1: Float, rest1: Float, beta2: Float, rest2: Float,
  correction2: Float, inside: Float, outside: Float, keep: Float, dx: usize, m: usize, v: usize, x: usize,
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
    v128.store(m, first)
    v128.store(v, second)
    const root = v128.sqrt<Float>(v128.add<Float>(v128.mul<Float>(corrections, second), insides))
    const step = v128.div<Float>(v128.mul<Float>(rates, first), v128.add<Float>(root, outsides))
    v128.store(x, v128.sub<Float>(v128.mul<Float>(keeps, v128.load(x)), step))
    dx += 16
    m += 16
    v += 16
    x += 16
  }
  for (; count > 0; --count) {
    const g = load<Float>(dx)
    const first: Float = beta1 * load<Float>(m) + rest1 * g
    const second: Float = beta2 * load<Float>(v) + rest2 * (g * g)
    store<Float>(m, first)
    store<Float>(v, second)
    store<Float>(x, keep * load<Float>(x) - (rate * first) / (sqrt<Float>(correction2 * second + inside) + outside))
    dx += SIZE
    m += SIZE
    v += SIZE
    x += SIZE
  }
}
