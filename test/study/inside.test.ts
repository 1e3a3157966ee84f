// lookInside: the values of each layer, as predict and as training have them, here and in a worker.
import { describe, expect, test } from 'vitest'
import {
  activationStatistics,
  batchNorm,
  conv2d,
  dense,
  flatten,
  lookInside,
  maxPool2d,
  relu,
  sequential,
} from '../../src/entries/index'
import { classifier as make, learnable, randomData } from '../support/models'
import { createRemote, data, network, rejection, twins } from '../support/workers'

const meanOf = (values: ArrayLike<number>) => Array.from(values).reduce((sum, v) => sum + v, 0) / values.length

describe('lookInside', () => {
  test.each(['wasm', 'js'] as const)('ends with what predict gives, on %s', async (backend) => {
    const model = await make(sequential(dense(6), batchNorm(), relu(), dense(3)), { backend })
    const { x, y } = learnable(12)
    await model.fit({ x, y }, { epochs: 3 })
    const { layers, gradients } = lookInside(model, x)
    expect(gradients).toBeUndefined()
    expect(layers.map(({ path, kind }) => `${path} ${kind}`)).toEqual(['0 dense', '1 batchNorm + relu', '3 dense'])
    expect(layers.at(-1)!.activations).toEqual(model.predict(x))
    expect(layers.every((one) => one.gradients === undefined)).toBe(true)
  })

  test('sees training with labels: the statistics of the batch, and gradients', async () => {
    const model = await make(sequential(dense(6), batchNorm(), relu(), dense(3)))
    const { x, y } = learnable(12)
    await model.fit({ x, y }, { epochs: 3 })
    const { layers, gradients } = lookInside(model, x, y)
    const statistics = activationStatistics(model, x, y)
    layers.forEach((layer, i) => {
      expect(meanOf(layer.activations.data)).toBeCloseTo(statistics[i].activations.mean, 12)
      expect(meanOf(layer.gradients!.data)).toBeCloseTo(statistics[i].gradients!.mean, 12)
    })
    const copy = Object.entries(gradients!).map(([name, { data }]) => [name, data.slice()] as const)
    model.forward(x, { training: true })
    const last = layers.at(-1)!.gradients!
    model.backward(last.data)
    for (const [name, data] of copy) expect(model.gradients[name].data, name).toEqual(data)
  })

  test('shows a ReLU before a pool as a ReLU, and only the layers that are wanted', async () => {
    const net = sequential(conv2d(2, { kernel: 3 }), relu(), maxPool2d(2), flatten(), dense(3))
    const { x } = randomData(4, 36, 3)
    const model = await make(net, { input: [1, 6, 6] })
    const { layers } = lookInside(model, x, undefined, { layers: ['0', '1'] })
    expect(layers.map(({ activations }) => activations.shape)).toEqual([
      [4, 2, 4, 4],
      [4, 2, 4, 4],
    ])
    expect(layers[1].activations.data).toEqual(layers[0].activations.data.map((v) => Math.max(0, v)))
    expect(() => lookInside(model, x, undefined, { layers: ['9'] })).toThrow(
      "lookInside: there is no layer '9'; there are 0, 1, 2, 3, 4",
    )
    expect(() => lookInside(model, x, undefined, { layers: '0' as never })).toThrow('layers must be an array of paths')
    expect(() => lookInside(model, x, undefined, { layers: [0] as never })).toThrow('layers must be an array of paths')
    const none = lookInside(model, x, Uint8Array.of(0, 1, 2, 0), { layers: [] })
    expect(none.layers).toEqual([])
    expect(Object.keys(none.gradients!)).toEqual(Object.keys(model.parameters))
  })
})

describe('in a worker', () => {
  test('studies give what they give here, and change nothing', async () => {
    const { remote, local } = await twins()
    const [x, y] = [data.x.subarray(0, 16 * 4), data.y.subarray(0, 16)]
    const before = await remote.checkpoint()
    expect(await remote.lookInside(x)).toEqual(lookInside(local, x))
    expect(await remote.lookInside(x, y)).toEqual(lookInside(local, x, y))
    expect(await remote.activationStatistics(x, y, { bins: 8 })).toEqual(activationStatistics(local, x, y, { bins: 8 }))
    const { text, checks } = await remote.babysit(data, { steps: 10 })
    expect(text.split('\n').length).toBe(checks.length)
    expect(await remote.checkpoint()).toEqual(before)
    await remote.close()
  })

  test('errors are those of the study', async () => {
    const remote = await createRemote({}, network())
    const error = await rejection(() => remote.lookInside(data.x.subarray(0, 4), undefined, { layers: ['7'] }))
    expect(String(error)).toMatch(/lookInside: there is no layer '7'/)
    await remote.close()
  })
})
