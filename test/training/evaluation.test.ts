// evaluate is a mean over all rows, whatever the batches are: against naive loops over PyTorch's formulas.
import { expect, test } from 'vitest'
import { adam, createModel, createRandom, dense, sgd, softmaxCrossEntropy } from '../../src/entries/index'

const random = createRandom(8)
const rows = 23
const x = Float64Array.from({ length: 3 * rows }, () => random.normal())
const y = Int32Array.from({ length: rows }, () => random.integer(4))

/** CrossEntropyLoss(weight, label_smoothing): the sum of weighted losses over the sum of the weights of the labels. */
function crossEntropy(scores: ArrayLike<number>, weights: readonly number[], smoothing: number): number {
  let sum = 0
  let total = 0
  for (let i = 0; i < rows; i++) {
    const z = Array.from({ length: 4 }, (_, c) => scores[4 * i + c])
    const log = Math.log(z.reduce((s, v) => s + Math.exp(v), 0))
    z.forEach((v, c) => {
      const share = (c === y[i] ? (1 - smoothing) * weights[c] : 0) + (smoothing / 4) * weights[c]
      sum += share * (log - v)
    })
    total += weights[y[i]]
  }
  return sum / total
}

test.each([
  [[0, 1, 1, 1], 0.1],
  [[0, 0, 2, 0.5], 0.3],
  [[0, 1, 0, 0], 0],
  [[3, 1, 2, 0.5], 0.2],
])('class weights %j with smoothing of %d', async (classWeights, labelSmoothing) => {
  const loss = softmaxCrossEntropy({ classWeights, labelSmoothing })
  for (const batch of [1, 2, 3, 7, 23]) {
    for (const l2 of [0, 0.5]) {
      const model = await createModel(dense(4), {
        input: [3],
        batch,
        loss,
        optimizer: sgd({ learningRate: 0 }),
        l2,
        seed: 2,
      })
      const { data } = model.predict(x)
      const penalty = (l2 / 2) * Array.from(model.parameters.weight.data).reduce((sum, w) => sum + w * w, 0)
      const expected = crossEntropy(data, classWeights, labelSmoothing) + penalty
      expect(model.evaluate({ x, y }).loss).toBeCloseTo(expected, 12)
      // At a rate of 0, the mean over the batches of an epoch is that as well.
      const history = await model.fit({ x, y }, { shuffle: false, validation: { x, y } })
      expect(history.loss[0]).toBeCloseTo(expected, 12)
      expect(history.validationLoss[0]).toBeCloseTo(expected, 12)
    }
  }
})

test('a batch of labels that weigh nothing trains by what smoothing leaves', async () => {
  const loss = softmaxCrossEntropy({ classWeights: [0, 1, 1, 1], labelSmoothing: 0.1 })
  const model = await createModel(dense(4), { input: [3], batch: 2, loss, optimizer: adam({ learningRate: 0.01 }) })
  const before = model.parameters.weight.data.slice()
  expect(model.trainStep(x.subarray(0, 6), [0, 0])).toBeGreaterThan(0)
  expect(model.parameters.weight.data).not.toEqual(before)
})
