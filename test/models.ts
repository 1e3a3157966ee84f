// What tests of models share.
import { type Model, createRandom } from '../src/entries/index'

/** n random rows and labels. */
export function randomData(n: number, size: number, classes: number, seed = 5) {
  const random = createRandom(seed)
  return {
    x: Float64Array.from({ length: n * size }, () => random.normal()),
    y: Int32Array.from({ length: n }, () => random.integer(classes)),
  }
}

/** All bits of a model, by name. */
export function bits(model: Model<never>): Record<string, string> {
  const tensors = Object.entries({ ...model.parameters, ...model.buffers })
  return Object.fromEntries(tensors.map(([name, { data }]) => [name, new Uint32Array(data.slice().buffer).join(' ')]))
}
