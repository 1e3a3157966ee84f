// Means, deviations and norms that neither overflow nor vanish where the result itself does not, and numbers in words.

/** Where squares leave the range of doubles, or their digits. */
const LARGE = 1e150
const SMALL = 1e-150
/** A power of two, so that scaling by it and back is exact. */
const SCALE = 2 ** 600

/** What to multiply values by, so that sums of their squares are exact to rounding: 1 nearly always. */
function scaleFor(values: ArrayLike<number>): number {
  let largest = 0
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i])
    if (size > largest) largest = size
  }
  if (largest === Infinity) return 1
  return largest > LARGE ? 1 / SCALE : largest < SMALL ? SCALE : 1
}

/** Mean and standard deviation, by two passes. NaN of no values. */
export function moments(values: ArrayLike<number>): { mean: number; std: number } {
  const scale = scaleFor(values)
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i] * scale
  const mean = sum / values.length
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i] * scale - mean) ** 2
  return { mean: mean / scale, std: Math.sqrt(squares / values.length) / scale }
}

/** The Euclidean norm. */
export function norm(values: ArrayLike<number>): number {
  const scale = scaleFor(values)
  let squares = 0
  for (let i = 0; i < values.length; i++) squares += (values[i] * scale) ** 2
  return Math.sqrt(squares) / scale
}

/** The largest of some values, however many; -Infinity of none. A NaN is skipped. */
export function largest(values: Iterable<number>): number {
  let most = -Infinity
  for (const value of values) if (value > most) most = value
  return most
}

/** The least of some values, however many; Infinity of none. A NaN is skipped. */
export function least(values: Iterable<number>): number {
  let least = Infinity
  for (const value of values) if (value < least) least = value
  return least
}

/** A number in three digits. */
export function short(value: number): string {
  return Number(value.toPrecision(3)).toString()
}

/** A share as a percentage in three digits. */
export function percent(share: number): string {
  return `${short(100 * share)} %`
}

/** The first few of some names. */
export function list(names: readonly (string | number)[]): string {
  return (names.length > 3 ? [...names.slice(0, 3), '...'] : names).join(', ')
}
