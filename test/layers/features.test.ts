// What a frozen body makes of examples, kept: training over it ends with the bits of training over the examples.
import { describe, expect, test } from 'vitest'
import {
  type Layer,
  type Model,
  adam,
  batchNorm,
  concat,
  conv2d,
  createModel,
  dense,
  dropout,
  features,
  flatten,
  freeze,
  globalAvgPool2d,
  graph,
  lbfgs,
  loadModel,
  meanSquaredError,
  momentum,
  relu,
  residual,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { bits, randomData } from '../support/models'

const body = () =>
  sequential(
    conv2d(6, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    dropout(),
    residual(sequential(conv2d(6, { kernel: 3, pad: 1 }), batchNorm(), relu())),
    globalAvgPool2d(),
  )
const head = () => sequential(dense(8), batchNorm(), relu(), dropout(), dense(3))
const network = (): Layer => sequential({ body: body(), head: head() })
const settings = {
  input: [2, 7, 7],
  batch: 8,
  loss: softmaxCrossEntropy(),
  optimizer: adam({ learningRate: 0.01 }),
  seed: 5,
  frozen: ['body'],
} as const
const data = randomData(45, 98, 3)
const test_ = randomData(21, 98, 3)
const { fit: _, ...results } = { fit: 0 }
void results

describe.each([
  ['float64', 'wasm'],
  ['float32', 'wasm'],
  ['float64', 'js'],
] as const)('%s, %s', (dtype, backend) => {
  const create = () => createModel(network(), { ...settings, dtype, backend, l2: 0.01 })

  test('the same bits, losses and measures as over the examples', async () => {
    const [plain, quick] = [await create(), await create()]
    const kept = features(quick, data)
    expect([kept.rows, kept.shape, kept.x.length, [...kept.y]]).toEqual([45, [6], 270, [...data.y]])
    const options = { epochs: 3, earlyStopping: { patience: 5, restoreBest: true } }
    const histories = [
      await plain.fit(data, { ...options, validation: test_ }),
      await quick.fit(kept, { ...options, validation: features(quick, test_) }),
    ]
    expect(histories[1]).toEqual(histories[0])
    expect(bits(quick)).toEqual(bits(plain))
    expect(quick.checkpoint()).toEqual(plain.checkpoint())
    // Afterwards images go through all of it.
    expect(quick.predict(data.x).data).toEqual(plain.predict(data.x).data)
    expect(quick.evaluate(kept, { confusion: true })).toEqual(plain.evaluate(data, { confusion: true }))
    expect((await loadModel(quick.save())).predict(data.x).data).toEqual(plain.predict(data.x).data)
  })
})
