// What every peer begins with: the same numbers for everyone; pytorch.py has the same.

/** @param {readonly number[]} shape */
export const product = (shape) => shape.reduce((a, b) => a * b, 1)

/**
 * Values from -scale to scale.
 *
 * @param {number} count
 * @param {new (count: number) => Float32Array | Float64Array} Type
 */
export function values(count, Type = Float32Array, scale = 1) {
  const data = new Type(count)
  let state = 1
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    data[i] = (scale * state) / 2 ** 31
  }
  return data
}

/**
 * Labels from 0 to limit - 1.
 *
 * @param {number} count
 * @param {number} limit
 */
export const labels = (count, limit) => Array.from({ length: count }, (_, i) => (i * 7) % limit)

/**
 * A parameter before the first step, by its name in PyTorch: weights of He's scale, of norms 1, biases 0.
 *
 * @param {string} name
 * @param {readonly number[]} shape
 * @param {new (count: number) => Float32Array | Float64Array} Type
 */
export function initial(name, shape, Type = Float32Array) {
  const size = product(shape)
  if (shape.length > 1) return values(size, Type, Math.sqrt((6 * shape[0]) / size))
  return new Type(size).fill(name.endsWith('weight') ? 1 : 0)
}
