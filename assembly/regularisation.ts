// What holds parameters and their gradients small, beside addScaled and sumOfSquares, which do L2, sumOfMagnitudes, and
// limitRowNorms.

import { LANES, SIZE } from './float'

/** y += scale * sign(x), where the sign of 0 is 0: the gradient of scale * |x|. */
export function addSigns(count: i32, scale: Float, x: usize, y: usize): void {
  const zero = v128.splat<Float>(0)
  const scales = v128.splat<Float>(scale)
  for (; count >= LANES; count -= LANES) {
    const value = v128.load(x)
    const above = v128.and(scales, v128.gt<Float>(value, zero))
    const below = v128.and(scales, v128.lt<Float>(value, zero))
    v128.store(y, v128.add<Float>(v128.load(y), v128.sub<Float>(above, below)))
    x += 16
    y += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(x)
    store<Float>(y, load<Float>(y) + (value > 0 ? scale : value < 0 ? -scale : 0))
    x += SIZE
    y += SIZE
  }
}

/** x = x limited to -limit ... limit; NaN stays NaN. */
export function clamp(count: i32, limit: Float, x: usize): void {
  const highest = v128.splat<Float>(limit)
  const lowest = v128.splat<Float>(-limit)
  for (; count >= LANES; count -= LANES) {
    v128.store(x, v128.pmax<Float>(v128.pmin<Float>(v128.load(x), highest), lowest))
    x += 16
  }
  for (; count > 0; --count) {
    const value = load<Float>(x)
    store<Float>(x, value > limit ? limit : value < -limit ? -limit : value)
    x += SIZE
  }
}
