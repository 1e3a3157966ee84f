// What the tests of long sums share: orders that are hard for one accumulator, sums that lose nothing, and memory for
// kernels on both engines.
import { createEngine } from '../../src/engine/create'
import type { Engine } from '../../src/engine/engine'
import type { Kernels } from '../../src/kernels/index'
import { createRandom } from '../../src/random'
import { expect } from 'vitest'

export type DType = 'float64' | 'float32'

/** What sums in blocks lose at a million terms, over the sum of the magnitudes of the terms. */
export const TOLERANCE = { float64: 1e-12, float32: 1e-5 }

// ---- hard orders ----

const drawn = new Map<number, Float64Array>()

/** The same values between 0 and 1 for the same count. */
export function uniform(count: number): Float64Array {
  const random = createRandom(count)
  const values = drawn.get(count) ?? Float64Array.from({ length: count }, () => random.uniform())
  drawn.set(count, values)
  return values.slice()
}

/** Positive values, so that a sum has no excuse. */
export const ORDERS: Record<string, (count: number) => Float64Array> = {
  // One accumulator rounds each addition the same way, and is off by 1 % at a million.
  constant: (count) => new Float64Array(count).fill(0.1),
  random: uniform,
  rising: (count) => uniform(count).sort(),
  falling: (count) => uniform(count).sort().toReversed(),
  'outlier first': (count) => uniform(count).map((value, i) => (i === 0 ? count : value)),
  'outlier last': (count) => uniform(count).map((value, i) => (i === count - 1 ? count : value)),
  alternating: (count) => uniform(count).map((value, i) => (i % 2 ? value : 1e-3 * value)),
}

// ---- references ----

/** The sum of terms, compensated (Neumaier, 1974), and of their magnitudes. */
export function sumOf(terms: Iterable<number>): { sum: number; magnitude: number } {
  const known = sums.get(terms)
  if (known) return known
  let sum = 0
  let rest = 0
  let magnitude = 0
  for (const term of terms) {
    const next = sum + term
    rest += Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum
    sum = next
    magnitude += Math.abs(term)
  }
  const result = { sum: sum + rest, magnitude }
  sums.set(terms, result)
  return result
}
const sums = new WeakMap<Iterable<number>, { sum: number; magnitude: number }>()

export function* terms(count: number, term: (i: number) => number): Generator<number> {
  for (let i = 0; i < count; i++) yield term(i)
}

// ---- memory ----

export interface Memory {
  readonly kernels: Kernels
  /** Copies values in and gives their pointer. */
  put(values: ArrayLike<number>): number
  labels(values: ArrayLike<number>): number
  scratch(bytes: number): number
  /** A view of `count` values at a pointer. */
  at(pointer: number, count: number): Float64Array | Float32Array
}

/** One memory for each engine, used again and again. */
const BYTES = 2 ** 27
const engines = new Map<string, Promise<Engine>>()

export async function memoryOf(dtype: DType, backend: 'wasm' | 'js'): Promise<Memory> {
  const key = `${dtype} ${backend}`
  const engine = engines.get(key) ?? createEngine(dtype, BYTES, backend)
  engines.set(key, engine)
  const { kernels, buffer } = await engine
  const size = dtype === 'float64' ? 8 : 4
  let end = 64
  const place = (length: number): number => {
    const pointer = end
    end += Math.ceil(length / 64) * 64
    if (end > BYTES) throw new RangeError(`${end} bytes, but there are ${BYTES}`)
    return pointer
  }
  const at = (pointer: number, count: number) =>
    size === 8 ? new Float64Array(buffer, pointer, count) : new Float32Array(buffer, pointer, count)
  return {
    kernels,
    at,
    put(values) {
      const pointer = place(size * values.length)
      at(pointer, values.length).set(values)
      return pointer
    },
    labels(values) {
      const pointer = place(4 * values.length)
      new Int32Array(buffer, pointer, values.length).set(values)
      return pointer
    },
    scratch(length) {
      const pointer = place(length)
      new Uint8Array(buffer, pointer, length).fill(255)
      return pointer
    },
  }
}

/** What a kernel makes, on both engines, which must be the same bits. */
export async function onBoth(dtype: DType, run: (memory: Memory) => ArrayLike<number>): Promise<number[]> {
  const [wasm, js] = await Promise.all(
    (['wasm', 'js'] as const).map(async (backend) => Array.from(run(await memoryOf(dtype, backend)))),
  )
  // toEqual takes seconds for long lists, but shows what differs.
  if (wasm.length !== js.length || !wasm.every((value, i) => Object.is(value, js[i]))) expect(js).toEqual(wasm)
  return wasm
}

/** A value, what it should be, and what it may be off in units of. */
export function expectClose(actual: number, expected: number, magnitude: number, tolerance: number, what = ''): void {
  expect(Math.abs(actual - expected) / magnitude, what).toBeLessThanOrEqual(tolerance)
}

export const rounded = (dtype: DType, values: Float64Array): Float64Array =>
  dtype === 'float64' ? values : Float64Array.from(Float32Array.from(values))
