// What tests of models share.
import {
  type Layer,
  type Model,
  type ModelOptions,
  adam,
  createModel,
  createRandom,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { coreOf } from '../../src/model/core-of'
import { viewOf } from '../../src/training/core'
import { runBackward, runForward } from '../../src/training/step'

/** n random rows and labels. */
export function randomData(n: number, size: number, classes: number, seed = 5) {
  const random = createRandom(seed)
  return {
    x: Float64Array.from({ length: n * size }, () => random.normal()),
    y: Int32Array.from({ length: n }, () => random.integer(classes)),
  }
}

/** n random rows, and labels that follow from them: which of the first values of a row is the largest. */
export function learnable(n: number, size = 4, classes = 3) {
  const { x } = randomData(n, size, classes)
  const y = Int32Array.from({ length: n }, (_, i) => {
    const row = x.subarray(size * i, size * i + classes)
    return row.indexOf(Math.max(...row))
  })
  return { x, y }
}

/** A model of rows of 4 values that classifies, unless told otherwise. */
export function classifier(network: Layer, options: Partial<ModelOptions> = {}) {
  return createModel(network, {
    input: [4],
    batch: 16,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.01 }),
    seed: 1,
    ...options,
  })
}

/** All bits of a model, by name. */
export function bits(model: Pick<Model<never>, 'parameters' | 'buffers'>): Record<string, string> {
  const tensors = Object.entries({ ...model.parameters, ...model.buffers })
  return Object.fromEntries(tensors.map(([name, { data }]) => [name, new Uint32Array(data.slice().buffer).join(' ')]))
}

/** As model.forward, and with dy as model.backward, for numbers that are not finite, which those refuse. */
export function passRaw(model: Model<never>, x: ArrayLike<number>, training = false, dy?: ArrayLike<number>) {
  const core = coreOf('test', model)
  const [input] = core.inputs
  const [output] = core.heads
  const n = x.length / input.value.size
  input.tensor.data.set(x)
  runForward(core, n, training)
  const y = output.tensor.data.slice(0, n * output.value.size)
  if (!dy) return { y, dx: y.slice(0, 0) }
  output.gradient.set(dy)
  runBackward(core, true)
  const dx = viewOf(core.dtype, core.engine.buffer, input.value.gradient!.pointer, n * input.value.size).slice()
  return { y, dx }
}
