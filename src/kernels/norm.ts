// Twin of assembly/norm.ts, of what is no plain loop over a row. Below, pointers and strides are heap indices.
import { SUM_STEPS } from './blocking'
import { F, LANES, type Heap } from './float'
import { scaleFor } from './math'
import { RUN, laneOf, stepsOf, total, totalOf, values } from './reduce'

/** Two sums of a channel. */
export interface Sums {
  first: number
  second: number
}

/** Mean and variance of a channel: that of its values times the scale, which is 1 unless it would overflow. */
export interface Moments {
  mean: number
  variance: number
  scale: number
}

function sumMoments(
  { f, lanes, more }: Heap, n: number, hw: number, shift: number, stride: number, x: number, out: Sums,
): void {
  out.first = out.second = 0
  lanes.fill(0)
  more.fill(0)
  let room = SUM_STEPS
  for (; n > 0; n--, x += stride) {
    for (let at = 0; at < hw; at += RUN) {
      const run = Math.min(hw - at, RUN)
      const steps = stepsOf(run)
      if (steps > room) {
        out.first += totalOf(lanes)
        out.second += totalOf(more)
        room = SUM_STEPS
      }
      room -= steps
      const from = x + at
      const whole = run & -LANES
      for (let i = 0; i < run; i++) {
        const d = F(f[from + i] - shift)
        const lane = laneOf(i, whole)
        lanes[lane] = F(lanes[lane] + d)
        more[lane] = F(more[lane] + F(d * d))
      }
    }
  }
  out.first += totalOf(lanes)
  out.second += totalOf(more)
}

const FIRST_VALUES = 4
const MOST_FIRST_VALUES = 256

export const normKernels = (heap: Heap) => {
  const { f } = heap
  const sums: Sums = { first: 0, second: 0 }

  function scaledMoments(n: number, hw: number, stride: number, x: number, out: Moments): void {
    let largest = 0
    for (let i = 0; i < n; i++) {
      for (let at = x + i * stride; at < x + i * stride + hw; at++) {
        if (Math.abs(f[at]) > largest) largest = Math.abs(f[at])
      }
    }
    const scale = scaleFor(largest)
    let mean = 0
    let variance = 0
    for (let pass = 0; pass < 2; pass++) {
      let sum = 0
      for (let i = 0; i < n; i++) {
        let part = 0
        for (let at = x + i * stride; at < x + i * stride + hw; at++) {
          const d = f[at] * scale - mean
          part += pass ? d * d : d
        }
        sum += part
      }
      if (pass) variance = sum / (n * hw)
      else mean = sum / (n * hw)
    }
    out.mean = mean / scale
    out.variance = variance
    out.scale = scale
  }

  return {
    moments(n: number, hw: number, stride: number, x: number, out: Moments): void {
      const inverseM = 1 / (n * hw)
      const rows = Math.min(n, Math.ceil(FIRST_VALUES / hw))
      const count = Math.min(hw, MOST_FIRST_VALUES)
      let shift = F(total(heap, values, rows, count, stride, x, 0, 0) / (rows * count))
      sumMoments(heap, n, hw, shift, stride, x, sums)
      let d = sums.first * inverseM
      let variance = sums.second * inverseM - d * d
      if (!(d * d <= 32 * variance && variance < Infinity)) {
        shift = F(shift + d)
        sumMoments(heap, n, hw, shift, stride, x, sums)
        d = sums.first * inverseM
        variance = sums.second * inverseM - d * d
        if (!(variance < Infinity)) {
          scaledMoments(n, hw, stride, x, out)
          return
        }
      }
      out.mean = shift + d
      out.variance = variance < 0 ? 0 : variance
      out.scale = 1
    },
  }
}

export function inverseDeviation(variance: number, epsilon: number): number {
  return F(1 / F(Math.sqrt(F(variance + epsilon))))
}

export function inverseDeviationOf(epsilon: number, { variance, scale }: Moments): number {
  return F(inverseDeviation(F(variance), F(epsilon * scale * scale)) * scale)
}

/** y = max(floor, (x - mean) * scale + beta) for one row. */
export function normalizeRow(
  { f, pick }: Heap, count: number, floor: number, mean: number, scale: number, beta: number, x: number, y: number,
): void {
  pick[0] = floor
  for (let i = 0; i < count; i++) {
    const z = F(F(F(f[x + i] - mean) * scale) + beta)
    pick[1] = z
    f[y + i] = pick[Number(!(z < floor))]
  }
}

export function sumGradients(
  { f, pick, lanes, more }: Heap, n: number, hw: number, mean: number, scale: number, threshold: number,
  stride: number, x: number, dy: number, out: Sums,
): void {
  pick[0] = 0
  out.first = out.second = 0
  lanes.fill(0)
  more.fill(0)
  let room = SUM_STEPS
  for (; n > 0; n--, x += stride, dy += stride) {
    for (let at = 0; at < hw; at += RUN) {
      const run = Math.min(hw - at, RUN)
      const steps = stepsOf(run)
      if (steps > room) {
        out.first += totalOf(lanes)
        out.second += totalOf(more)
        room = SUM_STEPS
      }
      room -= steps
      const whole = run & -LANES
      for (let i = 0; i < run; i++) {
        const d = F(f[x + at + i] - mean)
        pick[1] = f[dy + at + i]
        const g = pick[Number(!(F(d * scale) <= threshold))]
        const lane = laneOf(i, whole)
        lanes[lane] = F(lanes[lane] + g)
        more[lane] = F(more[lane] + F(g * d))
      }
    }
  }
  out.first += totalOf(lanes)
  out.second += totalOf(more)
}

/** dx = outer * (inner * dy - b - (x - mean) * k) for one row, dy without what is below the threshold, as above. */
export function gradientRow(
  { f, pick }: Heap, count: number, mean: number, scale: number, threshold: number, outer: number, inner: number,
  b: number, k: number, x: number, dy: number, dx: number,
): void {
  pick[0] = 0
  for (let i = 0; i < count; i++) {
    const d = F(f[x + i] - mean)
    pick[1] = f[dy + i]
    const g = pick[Number(!(F(d * scale) <= threshold))]
    f[dx + i] = outer * F(F(F(inner * g) - b) - F(d * k))
  }
}
