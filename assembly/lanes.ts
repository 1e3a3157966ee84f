// Lanes of vectors in other orders, and places: the integers, as wide as the values, that say where a winner is.

import { LANES, SIZE } from './float'

// Inner loops are made of these, and the optimiser keeps the code small: what it is to inline, it is told.
@inline
/** The even values of two vectors. */
export function evens(a: v128, b: v128): v128 {
  return LANES == 2 ? low(a, b) : v128.shuffle<f32>(a, b, 0, 2, 4, 6)
}

@inline
/** The odd values of two vectors. */
export function odds(a: v128, b: v128): v128 {
  return LANES == 2 ? high(a, b) : v128.shuffle<f32>(a, b, 1, 3, 5, 7)
}

@inline
/** The first halves of two vectors. */
export function low(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 0, 2)
}

@inline
/** The second halves of two vectors. */
export function high(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 1, 3)
}

@inline
/** The first values of two vectors by turns: a0 b0, and of float32 a1 b1. */
export function zipLow(a: v128, b: v128): v128 {
  return LANES == 2 ? low(a, b) : v128.shuffle<f32>(a, b, 0, 4, 1, 5)
}

@inline
/** The last values of two vectors by turns. */
export function zipHigh(a: v128, b: v128): v128 {
  return LANES == 2 ? high(a, b) : v128.shuffle<f32>(a, b, 2, 6, 3, 7)
}

@inline
/** Four vectors of float32 transposed: lane l of each, one after the other, to `to` + l * stride. */
export function storeTransposed(a: v128, b: v128, c: v128, d: v128, to: usize, stride: usize): void {
  const first = zipLow(a, b)
  const second = zipLow(c, d)
  const third = zipHigh(a, b)
  const fourth = zipHigh(c, d)
  v128.store(to, low(first, second))
  v128.store(to + stride, high(first, second))
  v128.store(to + 2 * stride, low(third, fourth))
  v128.store(to + 3 * stride, high(third, fourth))
}

@inline
/** LANES values that lie `stride` bytes apart. */
export function gather(x: usize, stride: usize): v128 {
  if (LANES == 2) return v128.load64_lane(x + stride, v128.load64_zero(x), 1)
  let values = v128.load32_zero(x)
  values = v128.load32_lane(x + stride, values, 1)
  values = v128.load32_lane(x + 2 * stride, values, 2)
  return v128.load32_lane(x + 3 * stride, values, 3)
}

@inline
/** The first `count` < LANES of the values at x, and zeros; reads no more. */
export function loadFirst(count: i32, x: usize): v128 {
  if (LANES == 2) return v128.load64_zero(x)
  if (count == 1) return v128.load32_zero(x)
  const two = v128.load64_zero(x)
  return count == 2 ? two : v128.load32_lane(x + 8, two, 2)
}

/** All bits of the first `count` < LANES lanes. */
export function maskFirst(count: i32): v128 {
  if (LANES == 2) return i64x2(-1, 0)
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count))
}

@inline
export function splatPlace(place: i32): v128 {
  return LANES == 2 ? i64x2.splat(place) : i32x4.splat(place)
}

@inline
export function addPlaces(a: v128, b: v128): v128 {
  return LANES == 2 ? i64x2.add(a, b) : i32x4.add(a, b)
}

@inline
/** Loads LANES places, each an i32 in memory. */
export function loadPlaces(index: usize): v128 {
  return LANES == 2 ? v128.load_ext<i32>(index) : v128.load(index)
}

@inline
/** Stores LANES places, each as an i32. */
export function storePlaces(places: v128, index: usize): void {
  if (LANES == 2) v128.store64_lane(index, v128.shuffle<i32>(places, places, 0, 2, 0, 2), 0)
  else v128.store(index, places)
}

@inline
/** LANES values that lie `stride` apart; with a stride of 2 one more behind them is read. */
export function loadStrided(stride: i32, from: usize): v128 {
  if (stride == 1) return v128.load(from)
  if (stride == 2) return evens(v128.load(from), v128.load(from, 16))
  return gather(from, <usize>stride * SIZE)
}

@inline
/** Stores the first `count` lanes of 32 bits, one to three. */
export function storeFirstWords(count: i32, words: v128, to: usize): void {
  v128.store32_lane(to, words, 0)
  if (count > 1) v128.store32_lane(to + 4, words, 1)
  if (count > 2) v128.store32_lane(to + 8, words, 2)
}

@inline
/** Stores the first `count` values of a vector, less than LANES. */
export function storeFirst(count: i32, values: v128, to: usize): void {
  if (LANES == 2) v128.store64_lane(to, values, 0)
  else storeFirstWords(count, values, to)
}
