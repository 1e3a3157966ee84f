// node examples/vae-gan.js [file]: handwritten digits that nobody wrote, by two networks that learn to draw from MNIST. The
// decoder of an autoencoder that samples (Kingma & Welling, 2014) learns to draw again what its encoder has seen; a
// generator learns to draw what a judge takes for real (Goodfellow et al., 2014).
//
//     runs/vae-gan.svg: see pictures/vae-gan.svg

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
// @ts-expect-error: it comes without types.
import cliProgress from 'cli-progress'
import {
  adam,
  add,
  batchNorm,
  binaryCrossEntropy,
  conv2d,
  convTranspose2d,
  createModel,
  createRandom,
  customLoss,
  dense,
  flatten,
  graph,
  leakyRelu,
  multiply,
  relu,
  reshape,
  sequential,
  sigmoid,
  softplus,
  take,
} from 'v128'
import { drawImages } from './chart.js'
import { loadMnist } from './mnist-data.js'
import { encodePng } from './png.js'

const IMAGES = 20_000
const BATCH = 64
const SHOWN = 14
/** Numbers that stand for an image: of the decoder, and of the generator. */
const [CODE, NOISE] = [16, 32]

const file = process.argv[2] ?? 'runs/vae-gan.svg'
const random = createRandom(1)
const pixels = loadMnist('train', IMAGES).x
/** From 0 to 1. */
const x = Float32Array.from(pixels, (pixel) => pixel / 255)
const normals = (/** @type {number} */ n) => Float32Array.from({ length: n }, () => random.normal())

const bar = new cliProgress.SingleBar({
  format: '{what} {bar} {percentage} % | {value}/{total} steps | {rate} images/s | {eta} s left | {losses}',
  barsize: 20,
})
const again = await autoencoder()
const invented = await adversaries()
bar.stop()

const row = (/** @type {string} */ label, /** @type {ArrayLike<number>} */ images) => {
  const plane = new Float64Array(28 * 28 * SHOWN)
  for (let i = 0; i < plane.length; i++) {
    const [line, column] = [Math.floor(i / (28 * SHOWN)), i % (28 * SHOWN)]
    plane[i] = 255 * (1 - images[784 * Math.floor(column / 28) + 28 * line + (column % 28)])
  }
  return { label, length: SHOWN, png: encodePng(plane, 28 * SHOWN, 28) }
}
mkdirSync(dirname(file), { recursive: true })
writeFileSync(
  file,
  drawImages({
    title: 'Digits that nobody wrote',
    subtitle: `two networks that learnt to draw from ${IMAGES.toLocaleString('en')} images of MNIST`,
    rows: [
      row('images of MNIST', x),
      row(`the same, drawn again by the decoder from ${CODE} numbers`, again.seen),
      row('drawn by the decoder, from random numbers', again.drawn),
      row('drawn by the generator, from random numbers', invented.slice(0, 784 * SHOWN)),
      row('', invented.slice(784 * SHOWN)),
    ],
  }),
)
console.log(file)

/** An encoder and a decoder as one graph: the loss of the image, and that of the code, which keeps it near N(0, 1). */
async function autoencoder() {
  const draw = sequential(
    dense(32 * 49),
    reshape([32, 7, 7]),
    relu(),
    convTranspose2d(16, { kernel: 4, stride: 2, pad: 1 }),
    relu(),
    convTranspose2d(1, { kernel: 4, stride: 2, pad: 1 }),
  )
  const see = sequential(
    conv2d(16, { kernel: 4, stride: 2, pad: 1 }),
    relu(),
    conv2d(32, { kernel: 4, stride: 2, pad: 1 }),
    relu(),
    flatten(),
    dense(2 * CODE),
  )
  const network = graph(['image', 'noise'], ({ image, noise }, use) => {
    const code = use('see', see, image)
    const mean = use('mean', take({ to: CODE }), code)
    const deviation = use('deviation', sequential(take({ from: CODE }), softplus()), code)
    const sample = use('sample', add(), mean, use('spread', multiply(), deviation, noise))
    return { image: use('draw', draw, sample), code }
  })
  const model = await createModel(network, {
    input: { image: [1, 28, 28], noise: [CODE] },
    batch: BATCH,
    // Sums over the pixels of an image, where binaryCrossEntropy gives their mean.
    loss: { image: binaryCrossEntropy({ weight: 784 }), code: customLoss(distanceFromNormal, { targets: [1] }) },
    optimizer: adam({ learningRate: 1e-3 }),
    dtype: 'float32',
    threads: 'auto',
    seed: 1,
  })
  // New noise in each step; the code has no target.
  const noise = new Float32Array(CODE * IMAGES)
  const data = { x: { image: x, noise }, y: { image: x, code: new Float32Array(IMAGES) } }
  const began = performance.now()
  const epochs = 3
  bar.start(epochs * Math.ceil(IMAGES / BATCH), 0, { what: 'autoencoder', rate: 0, losses: '' })
  await model.fit(data, {
    epochs,
    transform: ({ noise }, n) => {
      for (let i = 0; i < n * CODE; i++) noise.data[i] = random.normal()
    },
    onBatch: ({ epoch, batch, batches, examples, loss }) => {
      const rate = Math.round(((epoch * IMAGES + examples) * 1000) / (performance.now() - began))
      bar.update(epoch * batches + batch, { rate, losses: `loss ${loss.toFixed(1)}` })
    },
  })
  bar.stop()
  const n = 784 * SHOWN
  const seen = model.predict(
    { image: x.subarray(0, n), noise: new Float32Array(CODE * SHOWN) },
    { probabilities: false },
  )
  // The decoder alone, with the weights that it has in the graph.
  const decoder = await createModel(draw, { input: [CODE], batch: SHOWN, dtype: 'float32' })
  for (const [name, { data }] of Object.entries(decoder.parameters)) data.set(model.parameters[`draw.${name}`].data)
  const drawn = decoder.predict(normals(CODE * SHOWN)).data
  return { seen: sigmoids(seen.image.data), drawn: sigmoids(drawn) }
}

/**
 * How far codes, means and then deviations by way of a softplus, are from a standard normal distribution:
 * (mean² + deviation² - 1) / 2 - ln deviation, summed up.
 *
 * @type {import('v128').LossFunction}
 */
function distanceFromNormal(code, _, gradients, n) {
  let loss = 0
  for (let i = 0; i < n; i++) {
    for (let j = 2 * CODE * i; j < 2 * CODE * i + CODE; j++) {
      const [mean, rest] = [code[j], code[j + CODE]]
      const deviation = Math.log1p(Math.exp(rest))
      loss += ((mean * mean + deviation * deviation - 1) / 2 - Math.log(deviation)) / n
      gradients[j] = mean / n
      gradients[j + CODE] = (deviation - 1 / deviation) / (1 + Math.exp(-rest)) / n
    }
  }
  return loss
}

/** A generator and a judge, each of which learns against the other. */
async function adversaries() {
  const options = { batch: BATCH, dtype: /** @type {const} */ ('float32'), threads: /** @type {const} */ ('auto') }
  const generator = await createModel(
    sequential(
      dense(32 * 49),
      reshape([32, 7, 7]),
      batchNorm(),
      relu(),
      convTranspose2d(16, { kernel: 4, stride: 2, pad: 1 }),
      batchNorm(),
      relu(),
      convTranspose2d(1, { kernel: 4, stride: 2, pad: 1 }),
      sigmoid(),
    ),
    { ...options, input: [NOISE], optimizer: adam({ learningRate: 1e-3, beta1: 0.5 }), seed: 1 },
  )
  const judge = await createModel(
    sequential(
      conv2d(16, { kernel: 4, stride: 2, pad: 1 }),
      leakyRelu({ alpha: 0.2 }),
      conv2d(32, { kernel: 4, stride: 2, pad: 1 }),
      batchNorm(),
      leakyRelu({ alpha: 0.2 }),
      flatten(),
      dense(1),
    ),
    // What it says of a drawing goes back into the drawing.
    {
      ...options,
      input: [1, 28, 28],
      inputGradient: true,
      optimizer: adam({ learningRate: 5e-4, beta1: 0.5 }),
      seed: 2,
    },
  )
  const steps = 1500
  const real = new Float32Array(784 * BATCH)
  const dy = new Float32Array(BATCH)
  const means = { judge: 0, generator: 0 }
  const began = performance.now()
  bar.start(steps, 0, { what: 'generator  ', rate: 0, losses: '' })
  for (let step = 1; step <= steps; step++) {
    for (let i = 0; i < BATCH; i++) {
      const image = 784 * Math.floor(random.uniform() * IMAGES)
      real.set(x.subarray(image, image + 784), 784 * i)
    }
    const drawn = generator.forward(normals(NOISE * BATCH), { training: true }).data
    // Gradients of the two add up. 0.9: a judge that is never quite sure teaches better (Salimans et al., 2016).
    let loss = judged(judge.forward(real, { training: true }).data, 0.9, dy)
    judge.backward(dy)
    loss += judged(judge.forward(drawn, { training: true }).data, 0, dy)
    judge.backward(dy)
    judge.step()
    means.judge += (loss - means.judge) / Math.min(step, 100)

    // The generator learns how its drawings would have to change to be taken for real; the judge does not, here.
    loss = judged(judge.forward(drawn, { training: true }).data, 1, dy)
    generator.backward(judge.backward(dy).data)
    for (const { data } of Object.values(judge.gradients)) data.fill(0)
    generator.step()
    means.generator += (loss - means.generator) / Math.min(step, 100)
    const rate = Math.round((step * BATCH * 1000) / (performance.now() - began))
    bar.update(step, { rate, losses: `judge ${means.judge.toFixed(2)}, generator ${means.generator.toFixed(2)}` })
  }
  return generator.predict(normals(NOISE * 2 * SHOWN)).data
}

/**
 * Binary cross-entropy of scores that are all to say `target`, and its gradient into dy.
 *
 * @param {ArrayLike<number>} scores
 * @param {number} target
 * @param {Float32Array} dy
 */
function judged(scores, target, dy) {
  let loss = 0
  for (let i = 0; i < dy.length; i++) {
    dy[i] = (1 / (1 + Math.exp(-scores[i])) - target) / dy.length
    loss += (Math.max(scores[i], 0) - scores[i] * target + Math.log1p(Math.exp(-Math.abs(scores[i])))) / dy.length
  }
  return loss
}

/** @param {ArrayLike<number>} scores */
function sigmoids(scores) {
  return Float32Array.from(scores, (score) => 1 / (1 + Math.exp(-score)))
}
