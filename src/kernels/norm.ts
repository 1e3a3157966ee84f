// Twin of assembly/norm.ts, of what is no plain loop over a row. Below, pointers and strides are heap indices.
import { F, LANES, type Heap } from './float'
import { scaleFor } from './math'
import { RUN, SUMS, TAIL, rowsOfBlock, takeTotal, total, values } from './reduce'

/** out = the sums of x - shift and of (x - shift)^2; the shift, too, is in out, at 2, where V8 does not box it. */
function sumMoments({ f, partials, seconds, out }: Heap, n: number, hw: number, stride: number, x: number): void {
  const shift = out[2]
  const together = rowsOfBlock(n, hw)
  out[0] = out[1] = 0
  partials.fill(0)
  seconds.fill(0)
  for (; n > 0; n -= together, x += together * stride) {
    for (let at = 0; at < hw; at += RUN) {
      const count = Math.min(hw - at, RUN)
      const whole = count & -LANES
      let from = x + at
      for (let row = Math.min(n, together); row > 0; row--, from += stride) {
        for (let i = 0; i < whole; i++) {
          const d = F(f[from + i] - shift)
          const k = i & (SUMS - 1)
          partials[k] = F(partials[k] + d)
          seconds[k] = F(seconds[k] + F(d * d))
        }
        for (let i = whole; i < count; i++) {
          const d = F(f[from + i] - shift)
          const k = TAIL + i - whole
          partials[k] = F(partials[k] + d)
          seconds[k] = F(seconds[k] + F(d * d))
        }
      }
      takeTotal(partials, out, 0)
      takeTotal(seconds, out, 1)
    }
  }
}

const SAMPLE_ROWS = 4
const SAMPLE_VALUES = 16
const MOST_SHIFT = 2
const MOST_FEATURE_SHIFT = 8

/** out[0] = the sum of a sample of the values of a channel; returns how many these are. */
function sumSample(heap: Heap, n: number, hw: number, stride: number, x: number): number {
  let rows = Math.min(n, SAMPLE_ROWS)
  let count = hw
  let step = hw === 1 ? stride : Math.max(Math.floor(n / SAMPLE_ROWS), 1) * stride
  if (hw >= SAMPLE_ROWS) {
    const quarter = Math.floor(hw / SAMPLE_ROWS)
    count = Math.min(quarter, SAMPLE_VALUES)
    if (n === 1) {
      rows = SAMPLE_ROWS
      step = 0
    }
    step += quarter
  }
  total(heap, values, rows, count, step, x, 0, 0)
  return rows * count
}

/** out = mean, variance and scale. */
export function moments(heap: Heap, n: number, hw: number, stride: number, x: number): void {
  const { out } = heap
  const inverseM = 1 / (n * hw)
  const most = hw === 1 ? MOST_FEATURE_SHIFT : MOST_SHIFT
  const sample = sumSample(heap, n, hw, stride, x)
  out[2] = F(out[0] / sample)
  sumMoments(heap, n, hw, stride, x)
  let d = out[0] * inverseM
  let variance = out[1] * inverseM - d * d
  if (!(d * d <= most * variance && variance < Infinity)) {
    out[2] = F(out[2] + d)
    sumMoments(heap, n, hw, stride, x)
    d = out[0] * inverseM
    variance = out[1] * inverseM - d * d
    if (!(variance < Infinity)) {
      scaledMoments(heap, n, hw, stride, x)
      return
    }
  }
  out[0] = out[2] + d
  out[1] = variance < 0 ? 0 : variance
  out[2] = 1
}

function scaledMoments({ f, out }: Heap, n: number, hw: number, stride: number, x: number): void {
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
  out[0] = mean / scale
  out[1] = variance
  out[2] = scale
}

export function inverseDeviation(variance: number, epsilon: number): number {
  return F(1 / F(Math.sqrt(F(variance + epsilon))))
}

/** Of what moments() leaves in out. */
export function inverseDeviationOf(epsilon: number, out: Heap['out']): number {
  const scaled = F(1 / F(Math.sqrt(F(F(out[1]) + F(epsilon * out[2] * out[2])))))
  return F(scaled * out[2])
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

/** out = the sums of dy and of dy * (x - mean); before, it holds mean, scale and threshold, for V8 would box them. */
export function sumGradients(
  { f, pick, partials, seconds, out }: Heap, n: number, hw: number, stride: number, x: number, dy: number,
): void {
  const mean = out[0]
  const scale = out[1]
  const threshold = out[2]
  const together = rowsOfBlock(n, hw)
  pick[0] = 0
  out[0] = out[1] = 0
  partials.fill(0)
  seconds.fill(0)
  for (; n > 0; n -= together) {
    for (let at = 0; at < hw; at += RUN) {
      const count = Math.min(hw - at, RUN)
      const whole = count & -LANES
      let from = x + at
      let grad = dy + at
      for (let row = Math.min(n, together); row > 0; row--, from += stride, grad += stride) {
        for (let i = 0; i < count; i++) {
          const d = F(f[from + i] - mean)
          pick[1] = f[grad + i]
          const g = pick[Number(!(F(d * scale) <= threshold))]
          const k = i < whole ? i & (SUMS - 1) : TAIL + i - whole
          partials[k] = F(partials[k] + g)
          seconds[k] = F(seconds[k] + F(g * d))
        }
      }
      takeTotal(partials, out, 0)
      takeTotal(seconds, out, 1)
    }
    x += together * stride
    dy += together * stride
  }
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
