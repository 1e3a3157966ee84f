// The transforms of winograd1d.ts, LANES tiles (or channels) at a time: the rows of winograd-transforms.ts, for tiles
// of 6 and 8 inputs.

import { LINE_PLACE } from '../src/kernels/conv-geometry'
import { LANES, SIZE } from './float'
import { high, low, zipHigh, zipLow } from './lanes'
import { ENTRY, scatter } from './winograd'
import {
  BLOCKS, FOUR, HALF, QUARTER, add, mul, sizeOf, storeGradientRow, storeInputRow6, storeInputRow8, sub,
} from './winograd-transforms'

export {
  Eight, LINE, Six, ZEROS, fillConstants, gradientLine, storeSplats, weightLine,
} from './winograd-transforms'

/** Bytes of the block of outputs of a lane, as scatter reads it. */
const BLOCK: usize = 16 * SIZE

@inline
/** B' d of the inputs at p0, p1, ... (p2 and p3 for float32 only). Place e of the result goes to `to` + e * stride. */
export function inputTile<T>(p0: usize, p1: usize, p2: usize, p3: usize, tmp: usize, to: usize, stride: usize): void {
  const size = sizeOf<T>()
  const a = v128.load(p0)
  const b = v128.load(p1)
  if (LANES == 2) {
    const c = v128.load(p0, 16)
    const d = v128.load(p1, 16)
    const e = v128.load(p0, 32)
    const f = v128.load(p1, 32)
    if (size == 6) {
      storeInputRow6(low(a, b), high(a, b), low(c, d), high(c, d), low(e, f), high(e, f), tmp, to, stride)
    } else {
      const g = v128.load(p0, 48)
      const h = v128.load(p1, 48)
      storeInputRow8(
        low(a, b), high(a, b), low(c, d), high(c, d), low(e, f), high(e, f), low(g, h), high(g, h), tmp, to, stride,
      )
    }
  } else {
    const c = v128.load(p2)
    const d = v128.load(p3)
    const ab0 = zipLow(a, b)
    const ab1 = zipHigh(a, b)
    const cd0 = zipLow(c, d)
    const cd1 = zipHigh(c, d)
    if (size == 6) {
      const ab = zipLow(v128.load64_zero(p0, 16), v128.load64_zero(p1, 16))
      const cd = zipLow(v128.load64_zero(p2, 16), v128.load64_zero(p3, 16))
      storeInputRow6(
        low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1), low(ab, cd), high(ab, cd), tmp, to, stride,
      )
    } else {
      const e = v128.load(p0, 16)
      const f = v128.load(p1, 16)
      const g = v128.load(p2, 16)
      const h = v128.load(p3, 16)
      const ef0 = zipLow(e, f)
      const ef1 = zipHigh(e, f)
      const gh0 = zipLow(g, h)
      const gh1 = zipHigh(g, h)
      storeInputRow8(
        low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1), low(ef0, gh0), high(ef0, gh0), low(ef1, gh1),
        high(ef1, gh1), tmp, to, stride,
      )
    }
  }
}

@inline
/** A d of the four outputs at p0, p1, ...; as inputTile. */
export function gradientTile<T>(p0: usize, p1: usize, p2: usize, p3: usize, tmp: usize, to: usize, stride: usize): void {
  const a = v128.load(p0)
  const b = v128.load(p1)
  if (LANES == 2) {
    const c = v128.load(p0, 16)
    const d = v128.load(p1, 16)
    storeGradientRow<T>(low(a, b), high(a, b), low(c, d), high(c, d), d, tmp, to, stride)
  } else {
    const c = v128.load(p2)
    const d = v128.load(p3)
    const ab0 = zipLow(a, b)
    const ab1 = zipHigh(a, b)
    const cd0 = zipLow(c, d)
    const cd1 = zipHigh(c, d)
    storeGradientRow<T>(low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1), d, tmp, to, stride)
  }
}

@inline
/**
 * A' m + bias of LANES tiles, place e at m + e * LINE_PLACE, to where the entries of the table say; `count` of them
 * exist.
 */
export function outputTile<T>(m: usize, bias: Float, tmp: usize, count: i32, entry: usize, base: usize): void {
  const size = sizeOf<T>()
  const four = v128.load(tmp, FOUR)
  const b = v128.splat<Float>(bias)
  const m1 = v128.load(m, LINE_PLACE)
  const m2 = v128.load(m, 2 * LINE_PLACE)
  const m3 = v128.load(m, 3 * LINE_PLACE)
  const m4 = v128.load(m, 4 * LINE_PLACE)
  const p = add(m1, m2)
  const q = sub(m1, m2)
  const r = add(m3, m4)
  const s = sub(m3, m4)
  const d = add(s, s)
  let y0 = add(add(v128.load(m), p), r)
  let y1 = add(d, q)
  let y2 = add(mul(four, r), p)
  let y3 = add(mul(four, d), q)
  if (size == 8) {
    const quarter = v128.load(tmp, QUARTER)
    const m6 = v128.load(m, 6 * LINE_PLACE)
    const m7 = v128.load(m, 7 * LINE_PLACE)
    const t = add(m6, m7)
    const u = mul(v128.load(tmp, HALF), sub(m6, m7))
    y0 = add(y0, t)
    y1 = add(y1, u)
    y2 = add(y2, mul(quarter, t))
    y3 = add(y3, mul(quarter, u))
  }
  y0 = add(y0, b)
  y1 = add(y1, b)
  y2 = add(y2, b)
  y3 = add(add(y3, v128.load(m, 5 * LINE_PLACE)), b)
  // The outputs of a lane, one after the other.
  let a0: v128, a1: v128, a2: v128, a3: v128
  if (LANES == 2) {
    a0 = low(y0, y1)
    a1 = low(y2, y3)
    a2 = high(y0, y1)
    a3 = high(y2, y3)
  } else {
    const first = zipLow(y0, y1)
    const second = zipLow(y2, y3)
    const third = zipHigh(y0, y1)
    const fourth = zipHigh(y2, y3)
    a0 = low(first, second)
    a1 = high(first, second)
    a2 = low(third, fourth)
    a3 = high(third, fourth)
  }
  let columns = load<i32>(entry, 12) + load<i32>(entry, ENTRY + 12)
  if (LANES == 4) columns += load<i32>(entry, 2 * ENTRY + 12) + load<i32>(entry, 3 * ENTRY + 12)
  const p0 = base + load<i32>(entry, 4)
  const p1 = base + load<i32>(entry, ENTRY + 4)
  if (columns < 4 * LANES || count < LANES) {
    const blocks = tmp + BLOCKS
    v128.store(blocks, a0)
    v128.store(blocks + (LANES == 2 ? 16 : BLOCK), a1)
    v128.store(blocks + (LANES == 2 ? BLOCK : 2 * BLOCK), a2)
    v128.store(blocks + (LANES == 2 ? BLOCK + 16 : 3 * BLOCK), a3)
    scatter(4, count, tmp, entry, 0, base)
  } else if (LANES == 2) {
    v128.store(p0, a0)
    v128.store(p0, a1, 16)
    v128.store(p1, a2)
    v128.store(p1, a3, 16)
  } else {
    v128.store(p0, a0)
    v128.store(p1, a1)
    v128.store(base + load<i32>(entry, 2 * ENTRY + 4), a2)
    v128.store(base + load<i32>(entry, 3 * ENTRY + 4), a3)
  }
}
