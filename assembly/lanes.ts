// Lanes of vectors in other orders, and places: the integers, as wide as the values, that say where a winner is.

import { LANES } from './float'

// Inner loops are made of these, and the optimiser keeps the code small: what it is to inline, it is told.
// @ts-ignore: decorator
@inline
/** The even values of two vectors. */
export function evens(a: v128, b: v128): v128 {
  return LANES == 2 ? low(a, b) : v128.shuffle<f32>(a, b, 0, 2, 4, 6)
}

// @ts-ignore: decorator
@inline
/** The odd values of two vectors. */
export function odds(a: v128, b: v128): v128 {
  return LANES == 2 ? high(a, b) : v128.shuffle<f32>(a, b, 1, 3, 5, 7)
}

// @ts-ignore: decorator
@inline
/** The first halves of two vectors. */
export function low(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 0, 2)
}

// @ts-ignore: decorator
@inline
/** The second halves of two vectors. */
export function high(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(a, b, 1, 3)
}

// @ts-ignore: decorator
@inline
/** The first values of two vectors by turns: a0 b0, and of float32 a1 b1. */
export function zipLow(a: v128, b: v128): v128 {
  return LANES == 2 ? low(a, b) : v128.shuffle<f32>(a, b, 0, 4, 1, 5)
}

// @ts-ignore: decorator
@inline
/** The last values of two vectors by turns. */
export function zipHigh(a: v128, b: v128): v128 {
  return LANES == 2 ? high(a, b) : v128.shuffle<f32>(a, b, 2, 6, 3, 7)
}

// @ts-ignore: decorator
@inline
export function splatPlace(place: i32): v128 {
  return LANES == 2 ? i64x2.splat(place) : i32x4.splat(place)
}

// @ts-ignore: decorator
@inline
export function addPlaces(a: v128, b: v128): v128 {
  return LANES == 2 ? i64x2.add(a, b) : i32x4.add(a, b)
}

// @ts-ignore: decorator
@inline
/** Loads LANES places, each an i32 in memory. */
export function loadPlaces(index: usize): v128 {
  return LANES == 2 ? v128.load_ext<i32>(index) : v128.load(index)
}

// @ts-ignore: decorator
@inline
/** Stores LANES places, each as an i32. */
export function storePlaces(places: v128, index: usize): void {
  if (LANES == 2) v128.store64_lane(index, v128.shuffle<i32>(places, places, 0, 2, 0, 2), 0)
  else v128.store(index, places)
}
