// node bench/tensorflow-js.mjs: training steps of one thread, float32, of the same small networks in TensorFlow.js (its
// cpu backend, which is what runs wherever JavaScript does) and here, in one run. Writes the table between the markers of
// examples/tensorflow-js.md.
//
// Each network is made by TensorFlow.js and read by fromTfjs, so both begin with the same weights. In each of three rounds
// either side runs for a second of the processor's time after some steps to warm up; a figure is the median of the rounds.

import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { adam, createModel, softmaxCrossEntropy } from '../dist/index.js'
import { fromTfjs } from '../dist/tfjs.js'

const require = createRequire(import.meta.url)
const tf = require('@tensorflow/tfjs-core')
require('@tensorflow/tfjs-backend-cpu')
const { layers: L, sequential } = require('@tensorflow/tfjs-layers')
await tf.setBackend('cpu')

const out = () => L.dense({ units: 10, activation: 'softmax' })
const NETWORKS = {
  'MLP 784-128-10, 64 images': [[28 * 28], [L.dense({ units: 128, activation: 'relu', inputShape: [784] }), out()]],
  'CNN of two convolutions, 32 images of 28 x 28': [
    [28, 28, 1],
    [
      L.conv2d({ filters: 8, kernelSize: 3, activation: 'relu', inputShape: [28, 28, 1] }),
      L.maxPooling2d({ poolSize: 2 }),
      L.conv2d({ filters: 16, kernelSize: 3, activation: 'relu' }),
      L.maxPooling2d({ poolSize: 2 }),
      L.flatten(),
      out(),
    ],
  ],
  'LSTM of 32 units, 32 sequences of 20 steps': [
    [20, 8],
    [
      L.lstm({ units: 32, recurrentActivation: 'sigmoid', recurrentInitializer: 'glorotUniform', inputShape: [20, 8] }),
      out(),
    ],
  ],
}
const BATCH = { MLP: 64, CNN: 32, LSTM: 32 }

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]

/** What the processor has spent on this process, in milliseconds: others on the machine do not count. */
function spent() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Milliseconds of a step, over a second. */
async function measure(step) {
  for (let i = 0; i < 3; i++) await step()
  const start = spent()
  let steps = 0
  while (spent() - start < 1000) {
    await step()
    steps++
  }
  return (spent() - start) / steps
}

const rows = []
for (const [name, [shape, made]] of Object.entries(NETWORKS)) {
  const batch = BATCH[name.split(' ')[0]]
  const theirs = sequential({ layers: made })
  theirs.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy' })
  let saved
  await theirs.save(tf.io.withSaveHandler(async (artifacts) => (saved = artifacts) && { modelArtifactsInfo: {} }))
  const { network, input, load } = fromTfjs(saved, undefined, { scores: true })
  const model = await createModel(network, {
    input,
    batch,
    dtype: 'float32',
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 1e-3 }),
  })
  load(model)
  const size = shape.reduce((a, b) => a * b) * batch
  const x = Float32Array.from({ length: size }, (_, i) => Math.sin(i))
  const y = Uint8Array.from({ length: batch }, (_, i) => i % 10)
  const [xs, ys] = [tf.tensor(x, [batch, ...shape]), tf.oneHot(tf.tensor1d(y, 'int32'), 10)]
  const times = { theirs: [], ours: [] }
  for (let round = 0; round < 3; round++) {
    times.theirs.push(await measure(() => theirs.trainOnBatch(xs, ys)))
    times.ours.push(await measure(() => model.trainStep(x, y)))
  }
  const [a, b] = [median(times.theirs), median(times.ours)]
  const digits = (value) => (value < 10 ? value.toFixed(2) : value.toFixed(0))
  rows.push(`| ${name} | ${digits(a)} | ${digits(b)} | ${(a / b).toFixed(0)} |`)
  console.log(rows.at(-1))
}

const page = new URL('../examples/tensorflow-js.md', import.meta.url)
const table = [
  '| ms for a training step | TensorFlow.js, cpu | v128 | ratio |',
  '| --- | --: | --: | --: |',
  ...rows,
].join('\n')
const text = readFileSync(page, 'utf8')
const [begin, end] = ['<!-- measured -->', '<!-- end -->']
const from = text.indexOf(begin) + begin.length
writeFileSync(page, `${text.slice(0, from)}\n\n${table}\n\n${text.slice(text.indexOf(end))}`)
