// Twin of assembly/conv2d.ts: the same padded phase planes and offset tables (here in values, not bytes), and plain
// loops in the same order of summation.
import { GEMM_SCRATCH, KC, SUM_STEPS } from './blocking'
import {
  MOST_BLOCKS, convOutput, gradientBefore, gradientPlane, sourcePlane, sumsTaps, tapRows, usesWinograd,
} from './conv-geometry'
import { F, LANES, SHIFT, type Heap } from './float'
import { copyInside } from './planes'
import { winogradKernels } from './winograd'

export const conv2dKernels = (heap: Heap) => {
  const { f, i32 } = heap
  const { winogradProduct, winogradWeight } = winogradKernels(heap)

  /** `start` plus the products of k weights, from a on, with the source values at the offsets, from `table` on. */
  function gatherDot(k: number, start: number, a: number, table: number, at: number): number {
    let sum = start
    let end = Math.min(k, KC)
    for (let t = 0; t < end; t++) sum = F(sum + F(f[a + t] * f[at + i32[table + t]]))
    while (end < k) {
      let block = 0
      let t = end
      end = Math.min(k, end + KC)
      for (; t < end; t++) block = F(block + F(f[a + t] * f[at + i32[table + t]]))
      sum = F(sum + block)
    }
    return sum
  }

  function productWithColumns(
    m: number, k: number, height: number, width: number, sourceWidth: number,
    a: number, bias: number, source: number, table: number, out: number,
  ): void {
    const pixels = height * width
    const m4 = m & ~3
    const w2 = width & ~1
    for (let row = 0; row < height; row++) {
      const from = source + row * sourceWidth
      const to = out + row * width
      for (let i = 0; i < m4; i += 4) {
        const a0 = a + i * k, a1 = a0 + k, a2 = a1 + k, a3 = a2 + k
        const b0 = bias ? f[bias + i] : 0
        const b1 = bias ? f[bias + i + 1] : 0
        const b2 = bias ? f[bias + i + 2] : 0
        const b3 = bias ? f[bias + i + 3] : 0
        for (let column = 0; column < w2; column += 2) {
          const at = from + column
          const c = to + i * pixels + column
          for (let p = 0; p < k; p += KC) {
            let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0
            if (p === 0) {
              s00 = s01 = b0
              s10 = s11 = b1
              s20 = s21 = b2
              s30 = s31 = b3
            }
            const end = Math.min(k, p + KC)
            for (let t = p; t < end; t++) {
              const o = at + i32[table + t]
              const x0 = f[o], x1 = f[o + 1]
              const w0 = f[a0 + t], w1 = f[a1 + t], w2 = f[a2 + t], w3 = f[a3 + t]
              s00 = F(s00 + F(w0 * x0))
              s01 = F(s01 + F(w0 * x1))
              s10 = F(s10 + F(w1 * x0))
              s11 = F(s11 + F(w1 * x1))
              s20 = F(s20 + F(w2 * x0))
              s21 = F(s21 + F(w2 * x1))
              s30 = F(s30 + F(w3 * x0))
              s31 = F(s31 + F(w3 * x1))
            }
            f[c] = p ? f[c] + s00 : s00
            f[c + 1] = p ? f[c + 1] + s01 : s01
            f[c + pixels] = p ? f[c + pixels] + s10 : s10
            f[c + pixels + 1] = p ? f[c + pixels + 1] + s11 : s11
            f[c + 2 * pixels] = p ? f[c + 2 * pixels] + s20 : s20
            f[c + 2 * pixels + 1] = p ? f[c + 2 * pixels + 1] + s21 : s21
            f[c + 3 * pixels] = p ? f[c + 3 * pixels] + s30 : s30
            f[c + 3 * pixels + 1] = p ? f[c + 3 * pixels + 1] + s31 : s31
          }
        }
      }
      for (let i = 0; i < m; i++) {
        const start = bias ? f[bias + i] : 0
        for (let column = i < m4 ? w2 : 0; column < width; column++) {
          f[to + i * pixels + column] = gatherDot(k, start, a + i * k, table, from + column)
        }
      }
    }
  }

  function fillSource(
    c: number, h: number, w: number, kh: number, kw: number, sh: number, sw: number, ph: number, pw: number,
    dlh: number, dlw: number, planeH: number, planeW: number, x: number, source: number,
  ): void {
    const size = planeH * planeW
    for (let channel = 0; channel < c; channel++) {
      for (let i = 0; i < kh; i++) {
        const a = (i * dlh) % sh
        if (i > 0 && a === 0) break
        for (let j = 0; j < kw; j++) {
          const b = (j * dlw) % sw
          if (j > 0 && b === 0) break
          copyInside(heap, h, w, a - ph, b - pw, sh, sw, planeH, planeW, x + channel * h * w, source + ((channel * sh + a) * sw + b) * size)
        }
      }
    }
  }

  function fillOffsets(
    c: number, kh: number, kw: number, sh: number, sw: number, dlh: number, dlw: number, planeH: number, planeW: number,
    table: number,
  ): void {
    for (let channel = 0; channel < c; channel++) {
      for (let i = 0; i < kh; i++) {
        for (let j = 0; j < kw; j++) {
          const plane = (channel * sh + ((i * dlh) % sh)) * sw + ((j * dlw) % sw)
          i32[table++] = (plane * planeH + Math.floor((i * dlh) / sh)) * planeW + Math.floor((j * dlw) / sw)
        }
      }
    }
  }

  /** sums[pixel of the row mod LANES] += dy * x, for one tap and a block. The two or four sums stay in registers. */
  function addTap(
    height: number, width: number, dyWidth: number, sourceWidth: number, dy: number, x: number, sums: number,
  ): void {
    const inVectors = width - (width % LANES)
    let s0 = 0, s1 = 0, s2 = 0, s3 = 0
    for (let row = 0; row < height; row++) {
      const d = dy + row * dyWidth
      const from = x + row * sourceWidth
      let i = 0
      for (; i < inVectors; i += LANES) {
        s0 = F(s0 + F(f[d + i] * f[from + i]))
        s1 = F(s1 + F(f[d + i + 1] * f[from + i + 1]))
        if (LANES === 4) {
          s2 = F(s2 + F(f[d + i + 2] * f[from + i + 2]))
          s3 = F(s3 + F(f[d + i + 3] * f[from + i + 3]))
        }
      }
      if (i < width) s0 = F(s0 + F(f[d + i] * f[from + i]))
      if (i + 1 < width) s1 = F(s1 + F(f[d + i + 1] * f[from + i + 1]))
      if (i + 2 < width) s2 = F(s2 + F(f[d + i + 2] * f[from + i + 2]))
    }
    f[sums] = f[sums] + s0
    f[sums + 1] = f[sums + 1] + s1
    if (LANES === 2) return
    f[sums + 2] = f[sums + 2] + s2
    f[sums + 3] = f[sums + 3] + s3
  }

  /** The product of a block of kc pixels of dy, from p on, with as many of one tap. */
  function productOfPixels(p: number, kc: number, width: number, sourceWidth: number, dy: number, x: number): number {
    let row = Math.floor(p / width)
    let column = p - row * width
    let sum = 0
    for (; kc > 0; kc--, p++) {
      sum = F(sum + F(f[dy + p] * f[x + row * sourceWidth + column]))
      if (++column === width) {
        column = 0
        row++
      }
    }
    return sum
  }

  /** dw += the partial sums of `count` taps, lane after lane, which become 0. */
  function addTaps(count: number, sums: number, dw: number): void {
    for (let k = 0; k < count; k++) {
      let sum = f[sums + LANES * k]
      for (let l = 1; l < LANES; l++) sum = F(sum + f[sums + LANES * k + l])
      f[dw + k] = F(f[dw + k] + sum)
    }
    f.fill(0, sums, sums + LANES * count)
  }

  /** Adds a matrix to one whose rows lie `row` apart. */
  function addRows(rows: number, columns: number, from: number, to: number, row: number): void {
    for (let i = 0; i < rows; i++, to += row) {
      for (let k = 0; k < columns; k++, from++) f[to + k] = f[to + k] + f[from]
    }
  }

  return {
    conv2dForward(
      n: number, c: number, h: number, w: number, filters: number, allF: number, kh: number, kw: number,
      sh: number, sw: number, ph: number, pw: number, dlh: number, dlw: number, groups: number,
      x: number, weight: number, bias: number, scratch: number, y: number,
    ): void {
      const oh = convOutput(h, kh, sh, ph, dlh)
      const ow = convOutput(w, kw, sw, pw, dlw)
      if (usesWinograd(c, allF, oh, ow, kh, kw, sh, sw, ph, pw, dlh, dlw, groups)) {
        winogradProduct(kh, n, c, h, w, filters, allF, oh, ow, ph, pw, false, x, weight, bias, scratch, y)
        return
      }
      groups = Math.abs(groups)
      const cg = c / groups
      const fg = filters / groups
      const taps = cg * kh * kw
      const planeH = sourcePlane(oh, kh, sh, dlh)
      const planeW = sourcePlane(ow, kw, sw, dlw)
      const source = (scratch + GEMM_SCRATCH) >>> SHIFT
      const table = ((source + cg * sh * sw * planeH * planeW) << SHIFT) >>> 2
      x >>>= SHIFT
      weight >>>= SHIFT
      bias >>>= SHIFT
      y >>>= SHIFT
      fillOffsets(cg, kh, kw, sh, sw, dlh, dlw, planeH, planeW, table)
      f.fill(0, source, source + cg * sh * sw * planeH * planeW)
      for (let image = 0; image < n; image++) {
        for (let g = 0; g < groups; g++) {
          const channels = x + (image * c + g * cg) * h * w
          fillSource(cg, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw, planeH, planeW, channels, source)
          productWithColumns(
            fg, taps, oh, ow, planeW, weight + g * fg * taps, bias ? bias + g * fg : 0, source, table,
            y + (image * allF + g * fg) * oh * ow,
          )
        }
      }
    },

    conv2dBackwardInput(
      n: number, c: number, allC: number, h: number, w: number, filters: number, kh: number, kw: number,
      sh: number, sw: number, ph: number, pw: number, dlh: number, dlw: number, groups: number,
      dy: number, weight: number, scratch: number, dx: number,
    ): void {
      const oh = convOutput(h, kh, sh, ph, dlh)
      const ow = convOutput(w, kw, sw, pw, dlw)
      if (usesWinograd(allC, filters, oh, ow, kh, kw, sh, sw, ph, pw, dlh, dlw, groups)) {
        winogradProduct(kh, n, filters, oh, ow, c, allC, h, w, kh - 1 - ph, kw - 1 - pw, true, dy, weight, 0, scratch, dx)
        return
      }
      groups = Math.abs(groups)
      const cg = c / groups
      const fg = filters / groups
      const planeH = gradientPlane(h, oh, kh, sh, ph, dlh)
      const planeW = gradientPlane(w, ow, kw, sw, pw, dlw)
      const top = gradientBefore(kh, sh, ph, dlh)
      const left = gradientBefore(kw, sw, pw, dlw)
      const single = sh * sw === 1
      const source = (scratch + GEMM_SCRATCH) >>> SHIFT
      const flipped = source + fg * planeH * planeW
      const phase = flipped + cg * fg * kh * kw
      const phaseSize = single ? 0 : cg * (Math.floor((h - 1) / sh) + 1) * (Math.floor((w - 1) / sw) + 1)
      const table = ((phase + phaseSize) << SHIFT) >>> 2
      dy >>>= SHIFT
      weight >>>= SHIFT
      dx >>>= SHIFT
      f.fill(0, source, flipped)
      for (let g = 0; g < groups; g++) {
        for (let a = 0; a < sh; a++) {
          const q0 = Math.max(0, Math.ceil((ph - a) / sh))
          const rows = Math.max(0, Math.floor((ph + h - 1 - a) / sh) - q0 + 1)
          for (let b = 0; b < sw; b++) {
            const r0 = Math.max(0, Math.ceil((pw - b) / sw))
            const columns = Math.max(0, Math.floor((pw + w - 1 - b) / sw) - r0 + 1)
            if (rows === 0 || columns === 0) continue
            let taps = 0
            for (let filter = 0; filter < fg; filter++) {
              for (let i = 0; i < kh; i++) {
                if ((i * dlh) % sh !== a) continue
                for (let j = 0; j < kw; j++) {
                  if ((j * dlw) % sw !== b) continue
                  const row = filter * planeH + q0 - Math.floor((i * dlh) / sh) + top
                  i32[table + taps++] = row * planeW + r0 - Math.floor((j * dlw) / sw) + left
                }
              }
            }
            let to = flipped
            for (let channel = 0; channel < cg; channel++) {
              for (let filter = 0; filter < fg; filter++) {
                const from = weight + ((g * fg + filter) * (allC / groups) + channel) * kh * kw
                for (let i = 0; i < kh; i++) {
                  if ((i * dlh) % sh !== a) continue
                  for (let j = 0; j < kw; j++) if ((j * dlw) % sw === b) f[to++] = f[from + i * kw + j]
                }
              }
            }
            for (let image = 0; image < n; image++) {
              const dyGroup = dy + (image * filters + g * fg) * oh * ow
              const dxGroup = dx + (image * allC + g * cg) * h * w
              const out = single ? dxGroup : phase
              for (let filter = 0; filter < fg; filter++) {
                copyInside(heap, oh, ow, -top, -left, 1, 1, planeH, planeW, dyGroup + filter * oh * ow, source + filter * planeH * planeW)
              }
              // No tap may reach a phase.
              if (taps === 0) f.fill(0, out, out + cg * rows * columns)
              else productWithColumns(cg, taps, rows, columns, planeW, flipped, 0, source, table, out)
              if (single) continue
              let from = phase
              for (let channel = 0; channel < cg; channel++) {
                for (let i = 0; i < rows; i++) {
                  const at = dxGroup + (channel * h + (q0 + i) * sh + a - ph) * w + r0 * sw + b - pw
                  for (let j = 0; j < columns; j++) f[at + j * sw] = f[from++]
                }
              }
            }
          }
        }
      }
    },

    conv2dBackwardWeight(
      n: number, c: number, allC: number, h: number, w: number, filters: number, allF: number, kh: number, kw: number,
      sh: number, sw: number, ph: number, pw: number, dlh: number, dlw: number, groups: number,
      x: number, dy: number, scratch: number, dw: number,
    ): void {
      const oh = convOutput(h, kh, sh, ph, dlh)
      const ow = convOutput(w, kw, sw, pw, dlw)
      const pixels = oh * ow
      if (usesWinograd(allC, allF, oh, ow, kh, kw, sh, sw, ph, pw, dlh, dlw, groups)) {
        winogradWeight(kh, n, c, allC, h, w, filters, allF, oh, ow, ph, pw, x, dy, scratch, dw)
        return
      }
      const allGroups = Math.abs(groups)
      const dwTaps = (allC / allGroups) * kh * kw
      groups = allGroups > 1 ? c / (allC / allGroups) : 1
      const cg = c / groups
      const fg = filters / groups
      const taps = cg * kh * kw
      const planeH = sourcePlane(oh, kh, sh, dlh)
      const planeW = sourcePlane(ow, kw, sw, dlw)
      const source = (scratch + GEMM_SCRATCH) >>> SHIFT
      const part = source + cg * sh * sw * planeH * planeW
      const table = ((part + fg * taps) << SHIFT) >>> 2
      const sums = scratch >>> SHIFT
      x >>>= SHIFT
      dy >>>= SHIFT
      dw >>>= SHIFT
      fillOffsets(cg, kh, kw, sh, sw, dlh, dlw, planeH, planeW, table)
      f.fill(0, source, part)
      if (sumsTaps(allC / allGroups, allF / allGroups, dwTaps)) {
        const size = LANES * taps
        const columns = SUM_STEPS * LANES
        const rows = tapRows(ow, LANES)
        for (let g = 0; g < groups; g++) {
          let blocks = 0
          f.fill(0, sums, sums + fg * size)
          for (let image = 0; image < n; image++) {
            fillSource(1, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw, planeH, planeW, x + (image * allC + g) * h * w, source)
            for (let row = 0; row < oh; row += rows) {
              for (let column = 0; column < ow; column += columns) {
                if (blocks === MOST_BLOCKS) {
                  addTaps(fg * taps, sums, dw + g * fg * taps)
                  blocks = 0
                }
                blocks++
                for (let filter = 0; filter < fg; filter++) {
                  const dyBlock = dy + (image * allF + g * fg + filter) * pixels + row * ow + column
                  const block = source + row * planeW + column
                  for (let t = 0; t < taps; t++) {
                    addTap(
                      Math.min(rows, oh - row), Math.min(columns, ow - column), ow, planeW, dyBlock,
                      block + i32[table + t], sums + filter * size + LANES * t,
                    )
                  }
                }
              }
            }
          }
          addTaps(fg * taps, sums, dw + g * fg * taps)
        }
        return
      }
      const size = fg * taps
      const f4 = fg & ~3
      const taps2 = taps & ~1
      for (let g = 0; g < groups; g++) {
        const dwGroup = dw + g * fg * dwTaps
        let target = dwGroup
        let ldw = dwTaps
        let blocks = 0
        for (let image = 0; image < n; image++) {
          const channels = x + (image * allC + g * cg) * h * w
          const dyGroup = dy + (image * allF + g * fg) * pixels
          fillSource(cg, h, w, kh, kw, sh, sw, ph, pw, dlh, dlw, planeH, planeW, channels, source)
          for (let p = 0; p < pixels; p += KC) {
            const kc = Math.min(KC, pixels - p)
            if (blocks === MOST_BLOCKS) {
              if (target === part) addRows(fg, taps, part, dwGroup, dwTaps)
              f.fill(0, part, part + size)
              target = part
              ldw = taps
              blocks = 0
            }
            blocks++
            for (let i = 0; i < f4; i += 4) {
              for (let t = 0; t < taps2; t += 2) {
                let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0
                const o0 = source + i32[table + t]
                const o1 = source + i32[table + t + 1]
                const d = dyGroup + i * pixels
                let row = Math.floor(p / ow)
                let column = p - row * ow
                for (let at = d + p; at < d + p + kc; row++, column = 0) {
                  const from = row * planeW
                  const end = Math.min(ow, column + d + p + kc - at)
                  for (; column < end; column++, at++) {
                    const x0 = f[o0 + from + column], x1 = f[o1 + from + column]
                    const d0 = f[at], d1 = f[at + pixels], d2 = f[at + 2 * pixels], d3 = f[at + 3 * pixels]
                    s00 = F(s00 + F(d0 * x0))
                    s01 = F(s01 + F(d0 * x1))
                    s10 = F(s10 + F(d1 * x0))
                    s11 = F(s11 + F(d1 * x1))
                    s20 = F(s20 + F(d2 * x0))
                    s21 = F(s21 + F(d2 * x1))
                    s30 = F(s30 + F(d3 * x0))
                    s31 = F(s31 + F(d3 * x1))
                  }
                }
                const to = target + i * ldw + t
                f[to] = f[to] + s00
                f[to + 1] = f[to + 1] + s01
                f[to + ldw] = f[to + ldw] + s10
                f[to + ldw + 1] = f[to + ldw + 1] + s11
                f[to + 2 * ldw] = f[to + 2 * ldw] + s20
                f[to + 2 * ldw + 1] = f[to + 2 * ldw + 1] + s21
                f[to + 3 * ldw] = f[to + 3 * ldw] + s30
                f[to + 3 * ldw + 1] = f[to + 3 * ldw + 1] + s31
              }
            }
            for (let i = 0; i < fg; i++) {
              for (let t = i < f4 ? taps2 : 0; t < taps; t++) {
                const to = target + i * ldw + t
                f[to] = f[to] + productOfPixels(p, kc, ow, planeW, dyGroup + i * pixels, source + i32[table + t])
              }
            }
          }
        }
        if (target === part) addRows(fg, taps, part, dwGroup, dwTaps)
      }
    },
  }
}
