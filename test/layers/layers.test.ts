// Layers by their case table: gradients against differences, engine against engine, names.
import { createModel } from '../../src/model/create'
import type { Layer } from '../../src/plan/layer'
import { describe, expect, test } from 'vitest'
import {
  batchNorm,
  flatten,
  maxPool2d,
  relu,
  sequential,
  adam,
  gradientCheck,
  meanSquaredError,
  momentum,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { exportsFrom } from '../support/exports'
import { cnn, inputOf, layerCases } from '../../cases/layers'
import { bits, randomData } from '../support/models'

/** The kinds of a layer and of those inside it, which are part of its config. */
function kinds(value: unknown): string[] {
  if (value === null || typeof value !== 'object') return []
  const inner = Object.values(value).flatMap(kinds)
  return 'kind' in value ? [String(value.kind), ...inner] : inner
}

test('every layer of the library has a row in the table', () => {
  const factories = exportsFrom('layers')
  expect(factories).toContain('relu')
  const covered = new Set(layerCases.flatMap(({ network }) => kinds(network())))
  expect(factories.filter((name) => !covered.has(name))).toEqual([])
})

describe.each(layerCases.map((c) => [c.name, c] as const))('%s', (_, { network, input: shape, ids, names, frozen }) => {
  const input = inputOf({ input: shape, ids })
  const size = shape.reduce((a, b) => a * b)
  const classes = async () => (await createModel(network(), { input, batch: 1 })).output.shape[1]

  test('has the names of a PyTorch state dict', async () => {
    const model = await createModel(network(), { input, batch: 1 })
    expect([...Object.keys(model.parameters), ...Object.keys(model.buffers)]).toEqual(names)
    const trained = Object.keys(model.parameters).filter((name) => !frozen?.test(name))
    expect(Object.keys(model.gradients)).toEqual(trained)
  })

  test.each(['wasm', 'js'] as const)('passes the gradient check on %s', async (backend) => {
    for (const loss of [softmaxCrossEntropy(), meanSquaredError()]) {
      const model = await createModel(network(), { input, batch: 6, loss, seed: 3, l2: 0.01, backend })
      const { x, y } = randomData(5, size, await classes(), 5, ids)
      const targets = loss.kind === 'meanSquaredError' ? randomData(5, await classes(), 2, 7).x : y
      const before = bits(model)
      const result = gradientCheck(model, x, targets, { samples: 12 })
      expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
      expect(result.name).not.toBe('')
      expect(bits(model)).toEqual(before)
      expect(model.passes).toBe(0)
    }
  })

  test.skipIf(ids).each([true, false])('gives the gradient of the input (training: %s)', async (training) => {
    const model = await createModel(network(), { input, batch: 4, seed: 3 })
    const { x } = randomData(3, size, 2)
    const forward = () => {
      // The same masks of dropout each time.
      model.passes = 0
      return model.forward(x, { training })
    }
    model.forward(x, { training: true })
    const saved = bits(model)
    const y = forward()
    const dy = randomData(3, y.data.length / 3, 2, 9).x
    const dx = model.backward(dy)
    expect(dx.shape).toEqual([3, ...shape])
    const analytic = dx.data.slice()
    const value = () => {
      const out = forward().data
      let sum = 0
      for (let i = 0; i < out.length; i++) sum += out[i] * dy[i]
      return sum
    }
    const largest = Math.max(...analytic.map(Math.abs))
    for (let i = 0; i < x.length; i += 1 + Math.floor(x.length / 40)) {
      const kept = x[i]
      x[i] = kept + 1e-5
      const up = value()
      x[i] = kept - 1e-5
      const numeric = (up - value()) / 2e-5
      x[i] = kept
      expect(Math.abs(numeric - analytic[i])).toBeLessThan(1e-6 * Math.max(largest, 1e-3))
    }
    if (!training) expect(bits(model)).toEqual(saved)
  })

  test.each(['float64', 'float32'] as const)('trains to the same bits on both engines, %s', async (dtype) => {
    const { x, y } = randomData(13, size, await classes(), 5, ids)
    const models = await Promise.all(
      (['wasm', 'js'] as const).map((backend) =>
        createModel(network(), {
          input,
          batch: 4,
          dtype,
          backend,
          seed: 2,
          l2: 1e-3,
          clipNorm: 0.5,
          loss: softmaxCrossEntropy(),
          optimizer: adam({ learningRate: 0.01 }),
        }),
      ),
    )
    const losses = models.map((model) => {
      const list: number[] = []
      // Batches of 4, 4, 4 and 1, twice.
      for (let step = 0; step < 8; step++) {
        const first = (step % 4) * 4
        list.push(model.trainStep(x.subarray(first * size, (first + 4) * size), y.subarray(first, first + 4)))
      }
      return list
    })
    expect(losses[0]).toEqual(losses[1])
    expect(losses[0].every(Number.isFinite)).toBe(true)
    expect(bits(models[0])).toEqual(bits(models[1]))
    expect(models[0].predict(x).data).toEqual(models[1].predict(x).data)
  })

  test('an inference model gives the same output from less memory', async () => {
    const { x, y } = randomData(4, size, await classes(), 5, ids)
    const options = { input, batch: 4, seed: 2 } as const
    const loss = softmaxCrossEntropy()
    const optimizer = momentum({ learningRate: 0.01 })
    const model = await createModel(network(), { ...options, loss, optimizer })
    model.trainStep(x, y)
    const small = await createModel(network(), { ...options, inference: true })
    small.load(model.save())
    expect(small.predict(x).data).toEqual(model.predict(x).data)
    expect(small.memory.gradients + small.memory.optimizer).toBe(0)
    expect(small.memory.total).toBeLessThan(model.memory.total)
  })
})

describe.each(['float64', 'float32'] as const)('the CNN of the README, %s', (dtype) => {
  test('has the same bits on both engines after 200 steps', async () => {
    const input = [1, 16, 16]
    const { x, y } = randomData(150, 256, 10)
    const trained = await Promise.all(
      (['wasm', 'js'] as const).map(async (backend) => {
        const optimizer = adam({ learningRate: 1e-3 })
        const model = await createModel(cnn(), {
          input,
          batch: 16,
          dtype,
          backend,
          seed: 1,
          loss: softmaxCrossEntropy(),
          optimizer,
        })
        const history = await model.fit({ x, y }, { epochs: 20 })
        return { history, bits: bits(model) }
      }),
    )
    expect(trained[0]).toEqual(trained[1])
    expect(trained[0].history.loss).toHaveLength(20)
    expect(trained[0].history.loss[19]).toBeLessThan(trained[0].history.loss[0])
  })
})

test.each(['float64', 'float32'] as const)('what is done in one pass gives what two passes give, %s', async (dtype) => {
  // A ReLU in a sequential of its own has no next layer to leave its work to, or to be done by.
  const alone = () => sequential(relu())
  const networks: (() => Layer)[][] = [
    [() => sequential(relu(), maxPool2d(2), flatten()), () => sequential(alone(), maxPool2d(2), flatten())],
    [() => sequential(batchNorm(), relu(), flatten()), () => sequential(batchNorm(), alone(), flatten())],
  ]
  for (const [fused, apart] of networks) {
    const input = [3, 6, 10]
    const { x } = randomData(4, 180, 2)
    const results = await Promise.all(
      [fused, apart].map(async (network) => {
        const model = await createModel(network(), { input, batch: 4, dtype })
        const y = model.forward(x, { training: true }).data
        const dx = model.backward(randomData(4, y.length / 4, 2, 9).x).data
        return { y, dx, bits: bits(model), gradients: Object.values(model.gradients).map(({ data }) => data) }
      }),
    )
    expect(results[0]).toEqual(results[1])
  }
})
