// Twin of assembly/winograd-transforms.ts.
import { F, type Heap } from './float'

const SIXTH = F(1 / 6)
const MINUS_SIXTH = F(-1 / 6)
const TWELFTH = F(1 / 12)
const TWENTY_FOURTH = F(1 / 24)
const MINUS_TWO_NINTHS = F(-2 / 9)
const NINETIETH = F(1 / 90)
const FORTY_FIFTH = F(1 / 45)
const SIXTEEN_FORTY_FIFTHS = F(16 / 45)
const THIRTY_TWO_FORTY_FIFTHS = F(32 / 45)

export const winogradTransforms = ({ f }: Heap) => {
  /** B' d of `size` values `step` apart, to as many places `stride` apart. */
  function inputRow(size: number, from: number, step: number, to: number, stride: number): void {
    const d0 = f[from], d1 = f[from + step], d2 = f[from + 2 * step]
    const d3 = f[from + 3 * step], d4 = f[from + 4 * step], d5 = f[from + 5 * step]
    if (size === 6) {
      const a = F(d4 - F(4 * d2))
      const b = F(d3 - F(4 * d1))
      const c = F(d4 - d2)
      const e = F(d3 - d1)
      const g = F(e + e)
      f[to] = F(4 * F(d0 - d2)) + c
      f[to + stride] = a + b
      f[to + 2 * stride] = a - b
      f[to + 3 * stride] = c + g
      f[to + 4 * stride] = c - g
      f[to + 5 * stride] = F(d5 - d3) - F(4 * e)
      return
    }
    const d6 = f[from + 6 * step], d7 = f[from + 7 * step]
    f[to] = F(d0 - d6) + F(5.25 * F(d4 - d2))
    let a = F(F(d2 + d6) - F(4.25 * d4))
    let b = F(F(d1 + d5) - F(4.25 * d3))
    f[to + stride] = a + b
    f[to + 2 * stride] = a - b
    const middle = F(2.5 * d3)
    a = F(F(F(0.25 * d2) + d6) - F(1.25 * d4))
    b = F(F(F(0.5 * d1) + F(d5 + d5)) - middle)
    f[to + 3 * stride] = a + b
    f[to + 4 * stride] = a - b
    a = F(F(F(4 * d2) + d6) - F(5 * d4))
    b = F(F(F(0.5 * d5) + F(d1 + d1)) - middle)
    f[to + 5 * stride] = a + b
    f[to + 6 * stride] = a - b
    f[to + 7 * stride] = F(d7 - d1) + F(5.25 * F(d3 - d5))
  }

  /** A d of four values, to `size` values. */
  function gradientRow(size: number, from: number, step: number, to: number, stride: number): void {
    const d0 = f[from], d1 = f[from + step], d2 = f[from + 2 * step], d3 = f[from + 3 * step]
    const a = F(d0 + d2)
    const b = F(d1 + d3)
    const c = F(F(4 * d2) + d0)
    const half = F(F(4 * d3) + d1)
    const e = F(half + half)
    f[to] = d0
    f[to + stride] = a + b
    f[to + 2 * stride] = a - b
    f[to + 3 * stride] = c + e
    f[to + 4 * stride] = c - e
    if (size === 8) {
      const g = F(F(0.25 * d2) + d0)
      const h = F(0.5 * F(F(0.25 * d3) + d1))
      f[to + 5 * stride] = g + h
      f[to + 6 * stride] = g - h
    }
    f[to + (size - 1) * stride] = d3
  }

  /** A' m of `size` values, to four. */
  function outputRow(size: number, from: number, step: number, to: number, stride: number): void {
    const m1 = f[from + step], m2 = f[from + 2 * step], m3 = f[from + 3 * step], m4 = f[from + 4 * step]
    const m5 = f[from + 5 * step]
    const p = F(m1 + m2)
    const q = F(m1 - m2)
    const r = F(m3 + m4)
    const s = F(m3 - m4)
    const d = F(s + s)
    const y0 = F(F(f[from] + p) + r)
    const y1 = F(d + q)
    const y2 = F(F(4 * r) + p)
    const y3 = F(F(4 * d) + q)
    if (size === 6) {
      f[to] = y0
      f[to + stride] = y1
      f[to + 2 * stride] = y2
      f[to + 3 * stride] = y3 + m5
      return
    }
    const m6 = f[from + 6 * step]
    const t = F(m5 + m6)
    const u = F(0.5 * F(m5 - m6))
    f[to] = y0 + t
    f[to + stride] = y1 + u
    f[to + 2 * stride] = y2 + F(0.25 * t)
    f[to + 3 * stride] = F(y3 + F(0.25 * u)) + f[from + 7 * step]
  }

  /** G w of size - 3 values. */
  function weightRow(size: number, from: number, step: number, to: number, stride: number): void {
    const w0 = f[from], w1 = f[from + step], w2 = f[from + 2 * step]
    if (size === 6) {
      const a = F(w0 + w2)
      const b = F(w0 + F(4 * w2))
      const c = F(w1 + w1)
      f[to] = w0 * 0.25
      f[to + stride] = F(a + w1) * MINUS_SIXTH
      f[to + 2 * stride] = F(a - w1) * MINUS_SIXTH
      f[to + 3 * stride] = F(b + c) * TWENTY_FOURTH
      f[to + 4 * stride] = F(b - c) * TWENTY_FOURTH
      f[to + 5 * stride] = w2
      return
    }
    const w3 = f[from + 3 * step], w4 = f[from + 4 * step]
    let even = F(F(w0 + w2) + w4)
    let odd = F(w1 + w3)
    f[to] = w0
    f[to + stride] = F(even + odd) * MINUS_TWO_NINTHS
    f[to + 2 * stride] = F(even - odd) * MINUS_TWO_NINTHS
    even = F(F(w0 + F(4 * w2)) + F(16 * w4))
    odd = F(F(2 * w1) + F(8 * w3))
    f[to + 3 * stride] = F(even + odd) * NINETIETH
    f[to + 4 * stride] = F(even - odd) * NINETIETH
    even = F(F(w0 + F(0.25 * w2)) + F(0.0625 * w4))
    odd = F(F(0.5 * w1) + F(0.125 * w3))
    f[to + 5 * stride] = F(even + odd) * THIRTY_TWO_FORTY_FIFTHS
    f[to + 6 * stride] = F(even - odd) * THIRTY_TWO_FORTY_FIFTHS
    f[to + 7 * stride] = w4
  }

  /** G' t of `size` values, to size - 3. */
  function weightGradientRow(size: number, from: number, step: number, to: number, stride: number): void {
    const t0 = f[from], t1 = f[from + step], t2 = f[from + 2 * step]
    const t3 = f[from + 3 * step], t4 = f[from + 4 * step], t5 = f[from + 5 * step]
    if (size === 6) {
      const a = F(F(t1 + t2) * SIXTH)
      const b = F(t3 + t4)
      f[to] = F(F(F(t0 * 0.25) - a) + F(b * TWENTY_FOURTH))
      f[to + stride] = F(F(F(t2 - t1) * SIXTH) + F(F(t3 - t4) * TWELFTH))
      f[to + 2 * stride] = F(F(F(b * SIXTH) - a) + t5)
      return
    }
    const t6 = f[from + 6 * step]
    const a = F(F(t1 + t2) * MINUS_TWO_NINTHS)
    const b = F(F(t1 - t2) * MINUS_TWO_NINTHS)
    const c = F(F(t3 + t4) * NINETIETH)
    const d = F(F(t3 - t4) * FORTY_FIFTH)
    const e = F(F(t5 + t6) * THIRTY_TWO_FORTY_FIFTHS)
    const g = F(F(t5 - t6) * SIXTEEN_FORTY_FIFTHS)
    f[to] = F(F(t0 + a) + c) + e
    f[to + stride] = F(b + d) + g
    f[to + 2 * stride] = F(a + F(4 * c)) + F(0.25 * e)
    f[to + 3 * stride] = F(b + F(4 * d)) + F(0.25 * g)
    f[to + 4 * stride] = F(F(a + F(16 * c)) + F(0.0625 * e)) + f[from + 7 * step]
  }

  /** U = G w G': u[place][filter][channel]; `turned`: w is (c x filters) and each kernel is read backwards. */
  function weights(
    size: number, c: number, filters: number, turned: boolean, w: number, tmp: number, u: number,
  ): void {
    const taps = size - 3
    const place = filters * c
    for (let filter = 0; filter < filters; filter++) {
      for (let channel = 0; channel < c; channel++) {
        const kernel = w + (turned ? channel * filters + filter : filter * c + channel) * taps * taps
        for (let i = 0; i < taps; i++) {
          if (turned) weightRow(size, kernel + taps * taps - 1 - taps * i, -1, tmp + size * i, 1)
          else weightRow(size, kernel + taps * i, 1, tmp + size * i, 1)
        }
        for (let j = 0; j < size; j++) {
          weightRow(size, tmp + j, size, u + j * place + filter * c + channel, size * place)
        }
      }
    }
  }

  return { inputRow, gradientRow, outputRow, weights, weightGradientRow }
}
