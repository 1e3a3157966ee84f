// How large values are, on both engines: the first that is not finite, the largest.
import { createEngine } from '../../src/engine/create'
import { describe, expect, test } from 'vitest'

const COUNTS = [1, 2, 3, 4, 7, 8, 15, 16, 17, 31, 33, 100, 1000]

/** Runs a kernel over values that lie between bytes of NaN, which it must not read as its own. */
async function over(dtype: 'float64' | 'float32', backend: 'wasm' | 'js', count: number) {
  const bytes = dtype === 'float64' ? 8 : 4
  const { kernels, buffer } = await createEngine(dtype, 65536, backend)
  const all = bytes === 8 ? new Float64Array(buffer) : new Float32Array(buffer)
  all.fill(NaN)
  const pointer = 64 + 3 * bytes
  const x = all.subarray(pointer / bytes, pointer / bytes + count)
  x.forEach((_, i) => (x[i] = Math.sin(i)))
  return { kernels, x, pointer }
}

describe.each(['float64', 'float32'] as const)('%s', (dtype) => {
  describe.each(['wasm', 'js'] as const)('%s', (backend) => {
    test.each(COUNTS)('finds the first of %i values that is not finite, wherever it is', async (count) => {
      const { kernels, x, pointer } = await over(dtype, backend, count)
      expect(kernels.firstNotFinite(count, pointer)).toBe(-1)
      const largest = dtype === 'float64' ? Number.MAX_VALUE : 3.4028234663852886e38
      x.fill(-largest)
      expect(kernels.firstNotFinite(count, pointer)).toBe(-1)
      for (const bad of [NaN, Infinity, -Infinity]) {
        for (const at of [0, 1, count >> 1, count - 2, count - 1].filter((i) => i >= 0 && i < count)) {
          x.fill(0.5)
          x[at] = bad
          expect(kernels.firstNotFinite(count, pointer)).toBe(at)
          // Not the last one, and not the worst one.
          if (at + 1 < count) x[count - 1] = NaN
          expect(kernels.firstNotFinite(count, pointer)).toBe(at)
        }
      }
      expect(kernels.firstNotFinite(0, pointer)).toBe(-1)
    })

    test.each(COUNTS)('finds the largest magnitude of %i values', async (count) => {
      const { kernels, x, pointer } = await over(dtype, backend, count)
      for (const value of [-7, 7, 1e30, -Infinity]) {
        for (const at of [0, count >> 1, count - 1]) {
          x.forEach((_, i) => (x[i] = Math.sin(i)))
          x[at] = value
          expect(kernels.maxMagnitude(count, pointer)).toBe(
            dtype === 'float32' ? Math.fround(Math.abs(value)) : Math.abs(value),
          )
          // A NaN does not count, and hides nothing.
          const other = (at + 1) % count
          if (other !== at) x[other] = NaN
          expect(kernels.maxMagnitude(count, pointer)).toBe(
            dtype === 'float32' ? Math.fround(Math.abs(value)) : Math.abs(value),
          )
        }
      }
      x.fill(NaN)
      expect(kernels.maxMagnitude(count, pointer)).toBe(0)
      expect(kernels.maxMagnitude(0, pointer)).toBe(0)
    })
  })
})
