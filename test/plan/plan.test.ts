// What planning promises of networks that are large, long or deep.
import { expect, test } from 'vitest'
import { mobileNetV2 } from '../../src/entries/architectures'
import {
  type Layer,
  PlanError,
  adam,
  batchNorm,
  conv2d,
  createModel,
  dense,
  describe,
  flatten,
  maxPool2d,
  meanSquaredError,
  relu,
  residual,
  sequential,
  sgd,
  softmaxCrossEntropy,
  times,
} from '../../src/entries/index'
import { checkNetwork } from '../../src/model/network-checks'

const loss = softmaxCrossEntropy()

test('a frozen body keeps nothing: MobileNetV2, 16 images', () => {
  const options = { input: [3, 224, 224], batch: 16, dtype: 'float32' } as const
  const training = { ...options, loss, optimizer: adam({ learningRate: 1e-3 }) }
  const head = describe(mobileNetV2(), { ...training, frozen: ['features'] }).memory
  const whole = describe(mobileNetV2(), training).memory
  const inference = describe(mobileNetV2(), { ...options, inference: true }).memory
  expect(head.total).toBeLessThan(250e6)
  expect(head.activations).toBeLessThan(inference.activations * 1.01)
  expect(whole.activations).toBeGreaterThan(1000e6)
  expect(whole.activations).toBeLessThan(1030e6)
  expect(inference.activations).toBeLessThan(170e6)
})

/** Layers of many kinds: those that stand alone, those that are joined, and those with two readers. */
const long: [string, (i: number) => Layer, number[]][] = [
  ['dense and relu', (i) => (i % 2 ? dense(4) : relu()), [4]],
  [
    'layers of which two are one call',
    (i) => [conv2d(2, { kernel: 1 }), batchNorm(), relu(), maxPool2d(1)][i % 4],
    [2, 2, 2],
  ],
  ['residuals', () => residual(dense(4)), [4]],
]
test.each(long)('4,000 layers are planned: %s', (_, layer, input) => {
  const network = sequential(...Array.from({ length: 4000 }, (_unused, i) => layer(i)), flatten(), dense(3))
  const { layers } = describe(network, { input, batch: 4, loss })
  expect(layers.length).toBeGreaterThan(4000)
})

const nestedIn = (around: (body: Layer) => Layer, levels: number): Layer => {
  let network: Layer = dense(4)
  for (let i = 0; i < levels; i++) network = around(network)
  return network
}

test.each<[string, (body: Layer) => Layer]>([
  ['residual', (body) => residual(body)],
  ['sequential', (body) => sequential(body)],
])('layers may be nested deeply, and too deeply is said clearly: %s', async (kind, around) => {
  const deep = nestedIn(around, 400)
  const model = await createModel(deep, { input: [4], batch: 2, loss, optimizer: sgd({ learningRate: 0.01 }) })
  expect(model.trainStep([1, 2, 3, 4], [0])).toBeGreaterThan(0)
  const json = JSON.stringify(deep.config)
  expect(JSON.stringify(JSON.parse(json))).toBe(json)
  expect(json.length).toBeGreaterThan(400 * kind.length)

  const tooDeep = nestedIn(around, 2000)
  const wanted = new RegExp(
    `^\\S{1,80} ${kind}: layers are nested more than 500 deep; put some of them in one sequential`,
  )
  const options = { input: [4], batch: 2, loss }
  await expect(createModel(tooDeep, options)).rejects.toThrow(wanted)
  await expect(createModel(tooDeep, options)).rejects.toThrow(PlanError)
  expect(() => describe(tooDeep, options)).toThrow(wanted)
  // These walk with lists of their own, not by calling themselves.
  expect(() => checkNetwork('here', tooDeep, [loss])).not.toThrow()
})

test.each(['wasm', 'js'] as const)(
  'a layer of 500 time steps lets other events run within one step, on %s',
  async (backend) => {
    let calls = 0
    const waiting = (n: number, from: Float64Array, to: Float64Array | undefined) => {
      calls++
      const end = performance.now() + 0.2
      while (performance.now() < end);
      to?.set(from.subarray(0, n))
    }
    const recurrent: Layer = {
      kind: 'recurrent',
      config: {},
      plan(x, plan) {
        const states = [x]
        const sizes = [times(x.size)]
        for (let t = 1; t <= 500; t++) {
          states.push(plan.value(x.shape))
          plan.forward(waiting, { sizes, reads: [states[t - 1]], writes: [states[t]] })
        }
        for (let t = 500; t; t--) {
          plan.backward(waiting, { sizes, reads: [states[t].gradient], writes: [states[t - 1].gradient] })
        }
        return states[500]
      },
    }
    const model = await createModel(sequential(dense(2), recurrent), {
      input: [2],
      batch: 4,
      loss: meanSquaredError(),
      optimizer: sgd({ learningRate: 0.1 }),
      backend,
    })
    let ticksWithin = 0
    let done = false
    const tick = () => {
      if (calls > 0 && calls < 1000) ticksWithin++
      if (!done) setImmediate(tick)
    }
    setImmediate(tick)
    const data = { x: new Float64Array(8), y: new Float64Array(8) }
    const { steps } = await model.fit(data, { epochs: 1, batch: 4, yieldEvery: 1 })
    done = true
    expect({ steps, calls }).toEqual({ steps: 1, calls: 1000 })
    // 1,000 calls take 200 ms, so about 200 pauses are due; without them there is no tick at all.
    expect(ticksWithin).toBeGreaterThan(50)
  },
)
