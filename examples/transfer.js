// node examples/transfer.js: what a network learnt on the digits 0 to 4 helps with 5 to 9, of which it sees few.
//
//     0 to 4, 10000 images
//       epoch 1  loss 0.2367
//       epoch 2  loss 0.0635
//       test accuracy 99.0 %
//
//     5 to 9, test accuracy    from scratch      fine-tuned     body frozen   means of 3 draws
//        2 images a digit           62.7 %          64.0 %          65.3 %
//        5 images a digit           71.0 %          73.3 %          73.1 %
//       20 images a digit           83.9 %          85.5 %          84.9 %
//      100 images a digit           90.1 %          90.9 %          90.4 %

import {
  adam,
  batchNorm,
  conv2d,
  createModel,
  dense,
  flatten,
  maxPool2d,
  normalize,
  relu,
  sequential,
  softmaxCrossEntropy,
} from 'v128'
import { loadMnist } from './mnist-data.js'

const PIXELS = 28 * 28
const DRAWS = 3

/**
 * `perDigit` images of each of five digits, after the first `skip` of each; labels 0 to 4.
 *
 * @param {'train' | 'test'} part
 * @param {number} from
 */
function digits(part, from, perDigit = Infinity, skip = 0) {
  const { x, y } = loadMnist(part)
  const seen = Array.from({ length: 10 }, () => 0)
  const rows = [...y.keys()].filter((row) => {
    const place = seen[y[row]]++
    return y[row] >= from && y[row] < from + 5 && place >= skip && place < skip + perDigit
  })
  const images = new Uint8Array(rows.length * PIXELS)
  rows.forEach((row, i) => images.set(x.subarray(row * PIXELS, (row + 1) * PIXELS), i * PIXELS))
  return { x: images, y: Uint8Array.from(rows, (row) => y[row] - from) }
}

/** A body of features, and a head for five classes that has its own name for each task. */
const network = (/** @type {string} */ head) =>
  sequential({
    normalize: normalize({ mean: 33.3184, std: 78.5675 }),
    body: sequential(
      conv2d(8, { kernel: 3, pad: 1 }),
      batchNorm(),
      relu(),
      maxPool2d(2),
      conv2d(16, { kernel: 3, pad: 1 }),
      batchNorm(),
      relu(),
      maxPool2d(2),
      flatten(),
    ),
    [head]: dense(5),
  })
const options = /** @type {const} */ ({ input: [1, 28, 28], loss: softmaxCrossEntropy(), seed: 1 })
const percent = (/** @type {number} */ share) => `${(100 * share).toFixed(1)} %`

const low = await createModel(network('low'), { ...options, batch: 50, optimizer: adam({ learningRate: 1e-3 }) })
const before = digits('train', 0, 2000)
console.log(`0 to 4, ${before.y.length} images`)
await low.fit(before, {
  epochs: 2,
  onEpoch: ({ epoch, loss }) => console.log(`  epoch ${epoch + 1}  loss ${loss.toFixed(4)}`),
})
console.log(`  test accuracy ${percent(low.evaluate(digits('test', 0)).accuracy)}`)
const weights = low.save()

const test = digits('test', 5)
const ways = [
  { name: 'from scratch', learned: false, frozen: [] },
  { name: 'fine-tuned', learned: true, frozen: [] },
  { name: 'body frozen', learned: true, frozen: ['body'] },
]
console.log(`\n5 to 9, test accuracy${ways.map(({ name }) => name.padStart(16)).join('')}   means of ${DRAWS} draws`)
for (const count of [2, 5, 20, 100]) {
  let line = `${String(count).padStart(4)} images a digit `
  for (const { learned, frozen } of ways) {
    let sum = 0
    for (let draw = 0; draw < DRAWS; draw++) {
      const optimizer = adam({ learningRate: 2e-3 })
      const model = await createModel(network('high'), { ...options, batch: 10, optimizer, frozen })
      // Everything but the head; it returns what was left out, missing: ['high.weight', 'high.bias'].
      if (learned) model.load(weights, { strict: false })
      await model.fit(digits('train', 5, count, draw * count), { epochs: Math.ceil(200 / count) })
      sum += model.evaluate(test).accuracy
    }
    line += percent(sum / DRAWS).padStart(16)
  }
  console.log(line)
}
