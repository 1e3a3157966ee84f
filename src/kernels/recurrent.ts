// Twin of assembly/recurrent.ts.
import { expm1 } from './activations'
import { KC } from './blocking'
import { expNonPositive } from './exp'
import { F, LANES, SHIFT, type Heap } from './float'
import { gemmKernels } from './gemm'
import { GRU, LSTM, PRODUCT_OFFSET, RNN_TANH, gatesOf, keptOf, packedColumns, slopesOf, statesOf } from './recurrent-kinds'

/** Columns of a sliver. */
const NR = 2 * LANES

/** See gateFour of assembly/recurrent-steps.ts. */
function sigmoid(x: number): number {
  const e = expNonPositive(-Math.abs(x))
  return F((x < 0 ? e : 1) / F(1 + e))
}

function tanh(x: number): number {
  const e = expm1(F(-2 * Math.abs(x)))
  const size = Math.abs(F(-e / F(2 + e)))
  // -0 has a sign as well.
  return x < 0 || 1 / x < 0 ? -size : size
}

/** y (1 - y), 1 - y^2. */
const sigmoidSlope = (y: number): number => F(y * F(1 - y))
const tanhSlope = (y: number): number => F(1 - F(y * y))

export const recurrentKernels = (heap: Heap) => {
  const { f, i32 } = heap
  const { gemm } = gemmKernels(heap)

  const counts = (lengths: number, row: number, t: number): boolean => !lengths || t < i32[(lengths >>> 2) + row]

  /** C = A B in scratch; indices, but for packed and scratch. `jump`, `shift`: see assembly/recurrent.ts. */
  function product(
    rows: number, k: number, columns: number, jump: number, shift: number, a: number, aRow: number, packed: number,
    scratch: number,
  ): void {
    const wide = packedColumns(columns, 1 << SHIFT)
    const c = scratch + PRODUCT_OFFSET
    for (let p = 0; p < k; p += KC) {
      const kc = Math.min(KC, k - p)
      for (let j = 0; j < columns; j += NR) {
        const inner = Math.min(NR, columns - j)
        const sliver = packed + ((j * k + p * NR) << SHIFT)
        const to = c + (j << SHIFT)
        if (jump > p && jump < p + kc) {
          // One sum over both parts.
          for (let r = 0; r < rows; r++) {
            for (let l = 0; l < inner; l++) {
              let sum = 0
              for (let i = 0; i < kc; i++) {
                const from = a + r * aRow + p + i + (p + i < jump ? 0 : shift)
                sum = F(sum + F(f[from] * f[(sliver >>> SHIFT) + i * NR + l]))
              }
              const at = (to >>> SHIFT) + r * wide + l
              f[at] = (p ? f[at] : 0) + sum
            }
          }
          continue
        }
        const from = a + p + (p < jump ? 0 : shift)
        gemm(rows, inner, kc, aRow, 1, NR, 1, wide, p ? 1 : 0, from << SHIFT, sliver, scratch, to)
      }
    }
  }

  return {
    packWeights(k: number, columns: number, bRow: number, bColumn: number, b: number, packed: number): void {
      b >>>= SHIFT
      packed >>>= SHIFT
      for (let j = 0; j < columns; j += NR) {
        for (let i = 0; i < k; i++) {
          for (let l = 0; l < NR; l++) f[packed++] = j + l < columns ? f[b + i * bRow + (j + l) * bColumn] : 0
        }
      }
    },

    recurrentForward(
      n: number, time: number, units: number, kind: number, reverse: number, first: number, end: number, begun: number,
      all: number, yRow: number, kept: number, biasIh: number, biasHh: number, packed: number, lengths: number,
      scratch: number, previous: number, carry: number, y: number,
    ): void {
      const gates = gatesOf(kind) * units
      const width = keptOf(kind) * units
      const state = statesOf(kind) * units
      const wide = packedColumns(gates, 1 << SHIFT)
      const c = (scratch + PRODUCT_OFFSET) >>> SHIFT
      const bi = biasIh >>> SHIFT
      const bh = biasHh >>> SHIFT
      if (!begun) f.fill(0, carry >>> SHIFT, (carry >>> SHIFT) + n * state)
      for (let s = first; s < end; s++) {
        const t = reverse ? time - 1 - s : s
        for (let row = 0; row < n; row += 4) {
          const rows = Math.min(4, n - row)
          const from = (carry >>> SHIFT) + row * state
          if (begun || s > first) product(rows, units, gates, units, 0, from, state, packed, scratch)
          else f.fill(0, c, c + rows * wide)
          for (let r = 0; r < rows; r++) {
            const at = (row + r) * time + t
            const h = from + r * state
            const to = (y >>> SHIFT) + at * yRow
            if (previous) f.copyWithin((previous >>> SHIFT) + at * units, h, h + units)
            if (!counts(lengths, row + r, t)) {
              if (all && y) f.fill(0, to, to + units)
              continue
            }
            const k = (kept >>> SHIFT) + at * width
            const v = c + r * wide
            for (let j = 0; j < units; j++) {
              const [g1, g2, g3] = [units + j, 2 * units + j, 3 * units + j]
              if (kind === LSTM) {
                const i = sigmoid(F(F(f[k + j] + f[bi + j]) + F(f[v + j] + f[bh + j])))
                const forget = sigmoid(F(F(f[k + g1] + f[bi + g1]) + F(f[v + g1] + f[bh + g1])))
                const g = tanh(F(F(f[k + g2] + f[bi + g2]) + F(f[v + g2] + f[bh + g2])))
                const o = sigmoid(F(F(f[k + g3] + f[bi + g3]) + F(f[v + g3] + f[bh + g3])))
                const before = f[h + g1]
                const cell = F(F(forget * before) + F(i * g))
                const far = tanh(cell)
                f[k + j] = i
                f[k + g1] = forget
                f[k + g2] = g
                f[k + g3] = o
                f[k + 4 * units + j] = before
                f[k + 5 * units + j] = far
                f[h + g1] = cell
                f[h + j] = o * far
              } else if (kind === GRU) {
                const reset = sigmoid(F(F(f[k + j] + f[bi + j]) + F(f[v + j] + f[bh + j])))
                const z = sigmoid(F(F(f[k + g1] + f[bi + g1]) + F(f[v + g1] + f[bh + g1])))
                const inner = F(f[v + g2] + f[bh + g2])
                const fresh = tanh(F(F(f[k + g2] + f[bi + g2]) + F(reset * inner)))
                f[k + j] = reset
                f[k + g1] = z
                f[k + g2] = fresh
                f[k + g3] = inner
                f[h + j] = F(F(1 - z) * fresh) + F(z * f[h + j])
              } else {
                const a = F(F(f[k + j] + f[bi + j]) + F(f[v + j] + f[bh + j]))
                f[k + j] = f[h + j] = kind === RNN_TANH ? tanh(a) : a < 0 ? 0 : a
              }
            }
            if (all && y) f.copyWithin(to, h, h + units)
          }
        }
      }
      for (let row = 0; !all && y && row < n; row++) {
        const from = (carry >>> SHIFT) + row * state
        f.copyWithin((y >>> SHIFT) + row * yRow, from, from + units)
      }
    },

    recurrentBackward(
      n: number, time: number, units: number, kind: number, reverse: number, first: number, end: number, begun: number,
      all: number, yRow: number, kept: number, previous: number, packed: number, lengths: number, dy: number,
      scratch: number, carry: number, slopes: number, sums: number,
    ): void {
      const gates = gatesOf(kind) * units
      const state = statesOf(kind) * units
      const width = keptOf(kind) * units
      const slopeWidth = slopesOf(kind) * units
      const wide = packedColumns(units, 1 << SHIFT)
      const jump = kind === GRU ? 2 * units : gates
      const c = (scratch + PRODUCT_OFFSET) >>> SHIFT
      const states = carry >>> SHIFT
      const gradients = dy >>> SHIFT
      const to = slopes >>> SHIFT
      const total = sums >>> SHIFT
      if (!begun) {
        f.fill(0, states, states + n * state)
        f.fill(0, total, total + n * slopeWidth)
        for (let row = 0; !all && row < n; row++) {
          f.copyWithin(states + row * state, gradients + row * yRow, gradients + row * yRow + units)
        }
      }
      for (let s = end - 1; s >= first; s--) {
        const t = reverse ? time - 1 - s : s
        for (let row = 0; row < n; row++) {
          const at = row * time + t
          const d = to + at * slopeWidth
          if (!counts(lengths, row, t)) {
            f.fill(0, d, d + slopeWidth)
            continue
          }
          const k = (kept >>> SHIFT) + at * width
          const own = states + row * state
          for (let j = 0; j < units; j++) {
            const [g1, g2, g3] = [units + j, 2 * units + j, 3 * units + j]
            const dh = all ? F(f[own + j] + f[gradients + at * yRow + j]) : f[own + j]
            if (kind === LSTM) {
              const [i, forget, g, o] = [f[k + j], f[k + g1], f[k + g2], f[k + g3]]
              const far = f[k + 5 * units + j]
              const dc = F(f[own + g1] + F(dh * F(o * tanhSlope(far))))
              f[d + j] = F(dc * g) * sigmoidSlope(i)
              f[d + g1] = F(dc * f[k + 4 * units + j]) * sigmoidSlope(forget)
              f[d + g2] = F(dc * i) * tanhSlope(g)
              f[d + g3] = F(dh * far) * sigmoidSlope(o)
              f[own + g1] = dc * forget
            } else if (kind === GRU) {
              const [reset, z, fresh, inner] = [f[k + j], f[k + g1], f[k + g2], f[k + g3]]
              const dn = F(F(dh * F(1 - z)) * tanhSlope(fresh))
              const moved = F(f[(previous >>> SHIFT) + at * units + j] - fresh)
              f[d + j] = F(dn * inner) * sigmoidSlope(reset)
              f[d + g1] = F(dh * moved) * sigmoidSlope(z)
              f[d + g2] = dn
              f[d + g3] = dn * reset
              f[own + j] = dh * z
            } else f[d + j] = kind === RNN_TANH ? dh * tanhSlope(f[k + j]) : f[k + j] > 0 ? dh : 0
          }
          for (let j = 0; j < slopeWidth; j++) f[total + row * slopeWidth + j] += f[d + j]
        }
        if (s === 0) continue
        for (let row = 0; row < n; row += 4) {
          const rows = Math.min(4, n - row)
          const from = to + (row * time + t) * slopeWidth
          product(rows, gates, units, jump, units, from, time * slopeWidth, packed, scratch)
          for (let r = 0; r < rows; r++) {
            if (!counts(lengths, row + r, t)) continue
            const own = states + (row + r) * state
            for (let j = 0; j < units; j++) {
              const sum = f[c + r * wide + j]
              f[own + j] = kind === GRU ? f[own + j] + sum : sum
            }
          }
        }
      }
    },
  }
}
