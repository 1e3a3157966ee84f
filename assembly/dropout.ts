// Dropout (Srivastava et al., 2014). The mask comes from a counter, not from a stream of random numbers: values i and
// i + 1, i even, are kept or not by the halves of a hash of i / 2 and of a key of 64 bits. So backward draws the mask of
// the forward pass again instead of reading it from memory, and no mask depends on how many rows there are.

import { LANES, SIZE } from './float'

// Three multiplications: with two, values 4096 apart were found correlated by 1 %.
const MIX_0: i32 = 0x21f0aaad
const MIX_1: i32 = 0x735a2d97
const MIX_2: i32 = 0x9e3779b1

export function hash(index: i32, key0: i32, key1: i32): i32 {
  let h = <u32>(index ^ key0)
  h = (h ^ (h >> 16)) * MIX_0 + key1
  h = (h ^ (h >> 15)) * MIX_1
  h = (h ^ (h >> 15)) * MIX_2
  return <i32>h
}

/** The vector, by way of memory: V8 builds what it knows to be constant or a splat anew in every round of a loop. */
function held(vector: v128, scratch: usize): v128 {
  v128.store(scratch, vector)
  return v128.load(scratch)
}

@inline
/** y = dropped ? 0 : factor * x for a vector; dropped: 0 or -1. */
function apply(dropped: v128, factors: v128, x: usize, y: usize): void {
  v128.store(y, v128.andnot(v128.mul<Float>(v128.load(x), factors), dropped))
}

/**
 * y = factor * x where 16 bits of the hash are at least `limit` (-32768 keeps all), else 0: dropout, and its gradient
 * from dy to dx. scratch: 16 bytes.
 */
export function dropout(
  count: i32, limit: i32, key0: i32, key1: i32, factor: Float, x: usize, scratch: usize, y: usize,
): void {
  const keys0 = held(i32x4.splat(key0), scratch)
  const keys1 = held(i32x4.splat(key1), scratch)
  const limits = held(i16x8.splat(<i16>limit), scratch)
  const factors = held(v128.splat<Float>(factor), scratch)
  const mix0 = held(i32x4.splat(MIX_0), scratch)
  const mix1 = held(i32x4.splat(MIX_1), scratch)
  const mix2 = held(i32x4.splat(MIX_2), scratch)
  const four = held(i32x4.splat(4), scratch)
  let index = i32x4(0, 1, 2, 3)
  let i = 0
  for (; i <= count - 8; i += 8) {
    let h = v128.xor(index, keys0)
    index = i32x4.add(index, four)
    h = v128.xor(h, i32x4.shr_u(h, 16))
    h = i32x4.add(i32x4.mul(h, mix0), keys1)
    h = v128.xor(h, i32x4.shr_u(h, 15))
    h = i32x4.mul(h, mix1)
    h = v128.xor(h, i32x4.shr_u(h, 15))
    h = i32x4.mul(h, mix2)
    const dropped = i16x8.lt_s(h, limits)
    const low = i32x4.extend_low_i16x8_s(dropped)
    const high = i32x4.extend_high_i16x8_s(dropped)
    if (LANES == 4) {
      apply(low, factors, x, y)
      apply(high, factors, x + 16, y + 16)
    } else {
      apply(i64x2.extend_low_i32x4_s(low), factors, x, y)
      apply(i64x2.extend_high_i32x4_s(low), factors, x + 16, y + 16)
      apply(i64x2.extend_low_i32x4_s(high), factors, x + 32, y + 32)
      apply(i64x2.extend_high_i32x4_s(high), factors, x + 48, y + 48)
    }
    x += 8 * SIZE
    y += 8 * SIZE
  }
  for (; i < count; ++i) {
    const h = hash(i >> 1, key0, key1)
    const half = i & 1 ? h >> 16 : (h << 16) >> 16
    store<Float>(y, half < limit ? 0 : load<Float>(x) * factor)
    x += SIZE
    y += SIZE
  }
}

/** y = factor * x: dropout when it is not training. */
export function scaled(count: i32, factor: Float, x: usize, y: usize): void {
  const factors = v128.splat<Float>(factor)
  for (; count >= LANES; count -= LANES) {
    v128.store(y, v128.mul<Float>(v128.load(x), factors))
    x += 16
    y += 16
  }
  for (; count > 0; --count) {
    store<Float>(y, load<Float>(x) * factor)
    x += SIZE
    y += SIZE
  }
}
