// Against PyTorch's numbers, in both precisions and on both engines: test/fixtures/golden came with the project,
// test/fixtures/ours holds more of them, each file beside the script that wrote it.
import { createModel } from '../../src/model/create'
import type { Layer } from '../../src/plan/layer'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type Model,
  adam,
  batchNorm,
  conv2d,
  dense,
  flatten,
  globalAvgPool2d,
  graph,
  maxPool2d,
  momentum,
  relu,
  reshape,
  residual,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { type GoldenConfig, goldenLayers } from '../../cases/layers'
import { coreOf } from '../../src/model/core-of'
import { checkRows, loadBatch } from '../../src/training/feed'
import { lossOfLoaded } from '../../src/training/step'
import { goldenLosses } from '../../cases/losses'
import { optimizers } from '../../cases/optimizers'

interface Numbers {
  shape: number[]
  data: number[]
}
// The fixtures hold JSON of many forms.
type Case = { op: string; name?: string; config: GoldenConfig; inputs: any; outputs: any }

const cases = (file: string): Case[] =>
  JSON.parse(readFileSync(new URL(`../fixtures/${file}.json`, import.meta.url), 'utf8')).cases

const RUNS = (['float64', 'float32'] as const).flatMap((dtype) =>
  (['wasm', 'js'] as const).map((backend) => ({ dtype, backend, tolerance: dtype === 'float64' ? 1e-10 : 1e-4 })),
)

/** The largest difference, relative to the largest value (or to `scale`, if more), must be at most `tolerance`. */
function expectClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
  scale = 0,
): void {
  expect(actual.length, what).toBe(expected.length)
  let difference = 0
  for (let i = 0; i < expected.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]))
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]))
  }
  expect(difference / (scale || 1), what).toBeLessThanOrEqual(tolerance)
}

/** The fixtures' names of parameters, and ours. */
const NAMES: Record<string, string> = { w: 'weight', b: 'bias', gamma: 'weight', beta: 'bias' }

describe.each(RUNS)('layers, $dtype on $backend', ({ dtype, backend, tolerance }) => {
  const table = Object.entries(goldenLayers).map(([op, { fixtures }]) => {
    return [op, fixtures.flatMap(cases).filter((c) => c.op === op)] as const
  })
  test.each(table)('%s has cases', (_, list) => expect(list).not.toEqual([]))

  const all = table.flatMap(([, list]) => list)
  test.each(all.map((c) => [`${c.op} ${c.name ?? JSON.stringify(c.config)}`, c] as const))('%s', async (_, c) => {
    const { x = c.inputs.ids, ids, memory } = c.inputs
    const [n, ...shape] = x.shape
    // One row more than needed: a batch is a maximum.
    const options = { batch: n + 1, dtype, backend }
    const layer = goldenLayers[c.op].layer(c.config)
    if (memory) return compareCross(layer, options, shape, c)
    const model = await createModel(layer, { input: ids ? { shape, dtype: 'int32' } : shape, ...options })
    for (const [name, { data }] of Object.entries<Numbers>(c.inputs.parameters ?? {})) {
      model.parameters[name].data.set(data)
    }
    for (const [theirs, ours] of Object.entries(NAMES)) {
      if (c.inputs[theirs]) model.parameters[ours].data.set(c.inputs[theirs].data)
    }
    if (c.inputs.runningMean) {
      model.buffers.running_mean.data.set(c.inputs.runningMean.data)
      model.buffers.running_var.data.set(c.inputs.runningVar.data)
    }
    const y = model.forward(x.data, { training: true, lengths: c.inputs.lengths })
    expect(y.shape).toEqual(c.outputs.y.shape)
    expectClose(y.data, c.outputs.y.data, tolerance, 'y')
    const dx = model.backward(c.inputs.dy.data)
    if (!ids) expectClose(dx.data, c.outputs.dx.data, tolerance, 'dx')
    for (const [name, { data }] of Object.entries<Numbers>(c.outputs.gradients ?? {})) {
      expectClose(model.gradients[name].data, data, tolerance, `gradient of ${name}`)
    }
    for (const [theirs, ours] of Object.entries(NAMES)) {
      const gradient: Numbers | undefined = c.outputs[`d${theirs}`]
      if (gradient) expectClose(model.gradients[ours].data, gradient.data, tolerance, `d${theirs}`)
    }
    if (c.outputs.runningMean) {
      expectClose(model.buffers.running_mean.data, c.outputs.runningMean.data, tolerance, 'running mean')
      expectClose(model.buffers.running_var.data, c.outputs.runningVar.data, tolerance, 'running variance')
      expectClose(model.forward(c.inputs.x.data).data, c.outputs.yEval.data, tolerance, 'y with running statistics')
    }
  })
})

/** With keys and values of another sequence. */
async function compareCross(layer: Layer, options: object, shape: number[], { inputs, outputs }: Case) {
  const network = graph(['x', 'memory'], ({ x, memory }, use) => use('', layer, x, memory))
  const input = { x: shape, memory: inputs.memory.shape.slice(1) as number[] }
  const model = await createModel(network, { input, ...options })
  const tolerance = model.output.data instanceof Float64Array ? 1e-10 : 1e-4
  for (const [name, { data }] of Object.entries<Numbers>(inputs.parameters)) model.parameters[name].data.set(data)
  const y = model.forward({ x: inputs.x.data, memory: inputs.memory.data }, { training: true })
  expectClose(y.data, outputs.y.data, tolerance, 'y')
  const { x, memory } = model.backward(inputs.dy.data)
  expectClose(x.data, outputs.dx.data, tolerance, 'dx')
  expectClose(memory.data, outputs.dmemory.data, tolerance, 'dmemory')
  for (const [name, { data }] of Object.entries<Numbers>(outputs.gradients)) {
    expectClose(model.gradients[name].data, data, tolerance, `gradient of ${name}`)
  }
}

/** A network that is its own input: x reaches the loss as it is. */
const identity = sequential()

describe.each(RUNS)('losses, $dtype on $backend', ({ dtype, backend, tolerance }) => {
  const table = Object.entries(goldenLosses).map(([op, { fixtures }]) => {
    return [op, fixtures.flatMap(cases).filter((c) => c.op === op)] as const
  })
  test.each(table)('%s has cases', (_, list) => expect(list).not.toEqual([]))

  const all = table
    .flatMap(([, list]) => list)
    .map((c) => {
      return [[c.op, c.name, JSON.stringify(c.config)].join(' '), c] as const
    })
  const lossOf = ({ op, config, inputs }: Case) => goldenLosses[op].loss(config, inputs.target !== undefined)
  const targetsOf = ({ inputs: { labels, target } }: Case) => labels?.data ?? labels ?? target.data
  test.each(all)('%s', async (_, c) => {
    const [n, ...input] = c.inputs.x.shape
    const model = await createModel(identity, { input, batch: n, dtype, backend, loss: lossOf(c) })
    const { weight } = c.inputs
    const data = { x: c.inputs.x.data, y: targetsOf(c), ...(weight && { weight: weight.data ?? weight }) }
    expectClose([model.evaluate(data).loss], [c.outputs.loss], tolerance, 'loss')
  })

  test.each(all)('gradient of %s', async (_, c) => {
    const [n, ...shape] = c.inputs.x.shape as number[]
    const units = shape.reduce((a, b) => a * b)
    // Seen through a dense layer on one-hot rows, whose weight gradient is then the gradient of the scores.
    const loss = lossOf(c)
    const net = sequential(dense(units, { bias: false }), reshape(shape))
    const model = await createModel(net, { input: [n], batch: n, dtype, backend, loss })
    const { data: w } = model.parameters['0.weight']
    for (let i = 0; i < n; i++) for (let j = 0; j < units; j++) w[j * n + i] = c.inputs.x.data[i * units + j]
    const oneHot = Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0))
    const core = coreOf('test', model)
    const { weight } = c.inputs
    const beside = { weight: weight?.data ?? weight }
    loadBatch(core, checkRows(core, oneHot, targetsOf(c), '', true, beside), n)
    expectClose([lossOfLoaded(core, n, true)], [c.outputs.loss], tolerance, 'loss')
    const { data: dw } = model.gradients['0.weight']
    const dx = Array.from({ length: n * units }, (_, k) => dw[(k % units) * n + Math.floor(k / units)])
    expectClose(dx, c.outputs.dx.data, tolerance, 'dx')
  })
})

describe.each(RUNS)('optimizers, $dtype on $backend', ({ dtype, backend, tolerance }) => {
  const all = [...cases('golden/optimizers'), ...cases('golden/optimizers2')]
  test.each(all.map((c) => [c.name!, c] as const))('%s', async (_, c) => {
    // What is of the model, and not of the optimizer. Where all decays, the last value is a bias.
    const { l2, ...config } = c.config as Record<string, any>
    // rmsprop has an option of that name.
    const bias = config.decay === 'all'
    if (bias) delete config.decay
    const size = c.inputs.x0.shape[0] - Number(bias)
    const optimizer = optimizers[c.op](config)
    const own: object = { ...(l2 && { l2 }), ...(bias && { decay: 'all' }) }
    const model = await createModel(dense(1, { bias }), { input: [size], batch: 1, dtype, backend, optimizer, ...own })
    const set = (tensors: typeof model.parameters, values: number[]) => {
      tensors.weight.data.set(values.slice(0, size))
      if (bias) tensors.bias.data.set(values.slice(size))
    }
    set(model.parameters, c.inputs.x0.data)
    c.inputs.gradients.forEach((gradient: Numbers, i: number) => {
      set(model.gradients, gradient.data)
      model.step()
      const now = [...model.parameters.weight.data, ...(bias ? model.parameters.bias.data : [])]
      expectClose(now, c.outputs.trajectory[i].data, tolerance, `after step ${i + 1}`)
      expect(model.gradients.weight.data.every((g) => g === 0)).toBe(true)
    })
  })
})

const conv = (filters: number, stride = 1) => conv2d(filters, { kernel: 3, pad: 1, stride })
const networks: Record<string, (classes: number, epsilon: number) => Layer> = {
  cnn: (classes, epsilon) =>
    sequential({
      conv1: conv(4),
      bn1: batchNorm({ epsilon }),
      relu1: relu(),
      pool1: maxPool2d(2),
      conv2: conv(6),
      bn2: batchNorm({ epsilon }),
      relu2: relu(),
      pool2: maxPool2d(2),
      flatten: flatten(),
      dense: dense(classes),
    }),
  residual: (classes, epsilon) =>
    sequential({
      conv0: conv(4),
      relu0: relu(),
      block: residual(
        sequential({ conv1: conv(8, 2), bn1: batchNorm({ epsilon }), relu: relu(), conv2: conv(8) }),
        sequential({ conv: conv2d(8, { kernel: 1, stride: 2 }) }),
      ),
      relu1: relu(),
      pool: globalAvgPool2d(),
      dense: dense(classes),
    }),
}

/** PyTorch's module has the branches at its top, ours has a block. */
const ours = (theirs: string) => theirs.replace(/^(body|shortcut)/, 'block.$1')

describe.each(RUNS)('whole runs, $dtype on $backend', ({ dtype, backend }) => {
  test.each(cases('golden/training').map((c) => [c.name!, c] as const))('%s', async (name, c) => {
    const { config, inputs, outputs } = c
    const [n, ...input] = inputs.x[0].shape
    const classes = inputs.parameters['dense.bias'].shape[0]
    const { learningRate } = config
    const model: Model = await createModel(networks[name.split(',')[0]](classes, config.bnEps), {
      input,
      batch: n,
      dtype,
      backend,
      loss: softmaxCrossEntropy(),
      optimizer:
        config.optimizer === 'adam'
          ? adam({ learningRate, epsilon: config.adamEpsilon })
          : momentum({ learningRate, rho: config.rho }),
    })
    for (const [theirs, { data }] of Object.entries<Numbers>(inputs.parameters)) {
      model.parameters[ours(theirs)].data.set(data)
    }
    const losses = Array.from({ length: config.steps }, (_, t) => {
      const batch = t % config.batches
      return model.trainStep(inputs.x[batch].data, inputs.labels[batch])
    })
    // Float32 drifts apart over the steps: as far as PyTorch's own float32 does.
    expectClose(losses, outputs.loss, dtype === 'float64' ? 1e-8 : 1e-3, 'losses')
    if (dtype === 'float32') return
    for (const [theirs, { data }] of Object.entries<Numbers>(outputs.parameters)) {
      // A bias before batch norm has no gradient but rounding, so it is compared at the scale of the weights.
      expectClose(model.parameters[ours(theirs)].data, data, 1e-7, theirs, 0.1)
    }
  })
})
