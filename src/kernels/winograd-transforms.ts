// Twin of assembly/winograd-transforms.ts.
import { winogradTaps } from './conv-geometry'
import { F, type Heap } from './float'

export const winogradTransforms = ({ f }: Heap) => {
  /** B' d of `size` values `step` apart, to as many places `stride` apart. */
  function inputRow(size: number, from: number, step: number, to: number, stride: number): void {
    let d0 = f[from], d1 = f[from + step], d2 = f[from + 2 * step]
    let d3 = f[from + 3 * step], d4 = f[from + 4 * step], d5 = f[from + 5 * step]
    if (size > 6) {
      const b = F(F(d5 - d3) - F(4 * F(d3 - d1)))
      if (size === 7) {
        f[to + 6 * stride] = b
      } else {
        const d6 = f[from + 6 * step]
        const a = F(F(d6 - d4) - F(4 * F(d4 - d2)))
        f[to + 6 * stride] = a + F(0.5 * b)
        f[to + 7 * stride] = a - F(0.5 * b)
      }
      const factor = size === 7 ? 0.5 : 0.25
      const ahead = from + (size - 6) * step
      d0 = F(f[ahead] - F(factor * d0))
      d1 = F(f[ahead + step] - F(factor * d1))
      d2 = F(f[ahead + 2 * step] - F(factor * d2))
      d3 = F(f[ahead + 3 * step] - F(factor * d3))
      d4 = F(f[ahead + 4 * step] - F(factor * d4))
      d5 = F(f[ahead + 5 * step] - F(factor * d5))
    }
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
  }

  /** A d of as many values as a tile has outputs, to `size` values. */
  function gradientRow(size: number, from: number, step: number, to: number, stride: number): void {
    const d0 = f[from], d1 = f[from + step], d2 = f[from + 2 * step], d3 = f[from + 3 * step]
    const d4 = size === 7 ? f[from + 4 * step] : 0
    const a = size === 7 ? F(F(d0 + d2) + d4) : F(d0 + d2)
    const b = F(d1 + d3)
    const c = F(F(4 * (size === 7 ? F(F(4 * d4) + d2) : d2)) + d0)
    const half = F(F(4 * d3) + d1)
    const e = F(half + half)
    f[to] = d0
    f[to + stride] = a + b
    f[to + 2 * stride] = a - b
    f[to + 3 * stride] = c + e
    f[to + 4 * stride] = c - e
    f[to + 5 * stride] = size === 7 ? d4 : d3
    if (size === 6) return
    const g = F(F(0.25 * (size === 7 ? F(F(0.25 * d4) + d2) : d2)) + d0)
    const h = F(0.5 * F(F(0.25 * d3) + d1))
    f[to + 6 * stride] = g + h
    if (size === 8) f[to + 7 * stride] = g - h
  }

  /** A' m of `size` values, to as many as a tile has outputs. */
  function outputRow(size: number, from: number, step: number, to: number, stride: number): void {
    const m1 = f[from + step], m2 = f[from + 2 * step], m3 = f[from + 3 * step], m4 = f[from + 4 * step]
    const m5 = f[from + 5 * step]
    const p = F(m1 + m2)
    const q = F(m1 - m2)
    const r = F(m3 + m4)
    const s = F(m3 - m4)
    const d = F(s + s)
    const e = F(4 * r)
    const y0 = F(F(f[from] + p) + r)
    const y1 = F(d + q)
    const y2 = F(e + p)
    const y3 = F(F(4 * d) + q)
    if (size === 6) {
      f[to] = y0
      f[to + stride] = y1
      f[to + 2 * stride] = y2
      f[to + 3 * stride] = y3 + m5
      return
    }
    const m6 = f[from + 6 * step]
    const m7 = size === 8 ? f[from + 7 * step] : 0
    const t = size === 8 ? F(m6 + m7) : m6
    const u = F(0.5 * (size === 8 ? F(m6 - m7) : m6))
    const v = F(0.25 * t)
    f[to] = y0 + t
    f[to + stride] = y1 + u
    f[to + 2 * stride] = y2 + v
    const y = F(y3 + F(0.25 * u))
    if (size === 7) {
      f[to + 3 * stride] = y
      f[to + 4 * stride] = F(F(4 * e) + p) + F(F(0.25 * v) + m5)
    } else {
      f[to + 3 * stride] = y + m5
    }
  }

  /** A row of G: scale (1, point, point^2, ...). */
  function pointRow(taps: number, point: number, scale: number, to: number): number {
    for (let k = 0; k < taps; k++) {
      f[to++] = scale
      scale = F(scale * point)
    }
    return to
  }

  /** G of a size, by the points of its tiles. */
  function fillWeightTransform(size: number, to: number): void {
    const taps = winogradTaps(size)
    to = pointRow(taps, 0, size === 6 ? 0.25 : size === 7 ? -0.5 : -1, to)
    to = pointRow(taps, 1, F(size === 6 ? -1 / 6 : size === 7 ? -1 / 3 : -2 / 9), to)
    to = pointRow(taps, -1, F(size === 6 ? -1 / 6 : size === 7 ? 1 / 9 : -2 / 9), to)
    to = pointRow(taps, 2, F(size === 6 ? 1 / 24 : size === 7 ? 1 / 36 : 1 / 90), to)
    to = pointRow(taps, -2, F(size === 6 ? 1 / 24 : size === 7 ? -1 / 60 : 1 / 90), to)
    to = pointRow(taps, 0, 0, to)
    f[to - 1] = 1
    to = pointRow(taps, 0.5, F(32 / 45), to)
    pointRow(taps, -0.5, F(32 / 45), to)
  }

  /** to[i] = sum over j of matrix[i, j] from[j]. */
  function multiply(
    rows: number, columns: number, matrix: number, down: number, across: number, from: number, step: number,
    to: number, stride: number,
  ): void {
    for (let i = 0; i < rows; i++) {
      let sum = 0
      for (let j = 0; j < columns; j++) {
        sum = F(sum + F(f[matrix + i * down + j * across] * f[from + j * step]))
      }
      f[to + i * stride] = sum
    }
  }

  /** U = G w G': u[place][filter][channel]; `flipped`, not 0: w is (c x flipped), read backwards. */
  function weights(
    size: number, c: number, filters: number, flipped: number, w: number, tmp: number, u: number,
  ): void {
    const taps = winogradTaps(size)
    const place = filters * c
    const g = tmp + taps * size
    fillWeightTransform(size, g)
    for (let filter = 0; filter < filters; filter++) {
      for (let channel = 0; channel < c; channel++) {
        let row = w + (flipped ? channel * flipped + filter : filter * c + channel) * taps * taps
        if (flipped) row += taps * taps - 1
        const step = flipped ? -1 : 1
        for (let i = 0; i < taps; i++, row += step * taps) {
          multiply(size, taps, g, taps, 1, row, step, tmp + size * i, 1)
        }
        for (let j = 0; j < size; j++) {
          multiply(size, taps, g, taps, 1, tmp + j, size, u + j * place + filter * c + channel, size * place)
        }
      }
    }
  }

  /** dw += G' t G of filters x c pairs, t[place][pair]; a filter of dw has allC channels. */
  function addWeightGradients(
    size: number, filters: number, c: number, allC: number, t: number, tmp: number, dw: number,
  ): void {
    const taps = winogradTaps(size)
    const line = tmp + taps * size
    const g = line + taps
    const pairs = filters * c
    fillWeightTransform(size, g)
    for (let pair = 0; pair < pairs; pair++) {
      let to = dw + (Math.floor(pair / c) * allC + (pair % c)) * taps * taps
      for (let j = 0; j < size; j++) multiply(taps, size, g, 1, taps, t + j * pairs + pair, size * pairs, tmp + j, size)
      for (let i = 0; i < taps; i++) {
        multiply(taps, size, g, 1, taps, tmp + size * i, 1, line, 1)
        for (let k = 0; k < taps; k++, to++) f[to] = f[to] + f[line + k]
      }
    }
  }

  return { fillWeightTransform, inputRow, gradientRow, outputRow, multiply, weights, addWeightGradients }
}
