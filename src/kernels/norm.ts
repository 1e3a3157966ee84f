// Twin of assembly/norm.ts, of what is no plain loop over a row. Below, pointers are heap indices.
import { F, type Heap } from './float'
import { SUMS } from './reduce'

export function accumulateMoments(
  { f }: Heap, count: number, shift: number, x: number, sums: number, squares: number,
): void {
  for (let i = 0; i < count; i++) {
    const d = F(f[x + i] - shift)
    const lane = i & (SUMS - 1)
    f[sums + lane] = F(f[sums + lane] + d)
    f[squares + lane] = F(f[squares + lane] + F(d * d))
  }
}

export function varianceOf(m: number, d: number, squares: number): number {
  const variance = F(F(squares / m) - F(d * d))
  return variance < 0 ? 0 : variance
}

export function inverseDeviation(variance: number, epsilon: number): number {
  return F(1 / F(Math.sqrt(F(variance + epsilon))))
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

export function accumulateGradients(
  { f, pick }: Heap, count: number, mean: number, scale: number, threshold: number, x: number, dy: number,
  sums: number, products: number,
): void {
  pick[0] = 0
  for (let i = 0; i < count; i++) {
    const d = F(f[x + i] - mean)
    pick[1] = f[dy + i]
    const g = pick[Number(!(F(d * scale) <= threshold))]
    const lane = i & (SUMS - 1)
    f[sums + lane] = F(f[sums + lane] + g)
    f[products + lane] = F(f[products + lane] + F(g * d))
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
