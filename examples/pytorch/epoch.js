// node examples/pytorch/epoch.js: how long one epoch takes on one thread, in float32: the least time of a few training
// steps, times the steps of an epoch. Put your own network into the list.
//
//     network                parameters  images a step  ms a step     images  an epoch
//     dense 784-256-128-10      235,146             64        2.0     60,000     1.9 s
//     CNN of mnist.js            20,538             64        7.5     60,000     7.1 s
//     ResNet-20, 32x32          269,722             32      118.2     50,000   3.1 min
//     ResNet-18, 224x224     11,689,512              8     1405.9  1,281,167  2.6 days
//     ResNet-50, 224x224     25,557,032              8     4385.7  1,281,167  8.1 days

import {
  adam,
  batchNorm,
  conv2d,
  createModel,
  createRandom,
  dense,
  flatten,
  maxPool2d,
  relu,
  sequential,
  softmaxCrossEntropy,
} from 'v128'
import { cifarResNet20, resNet18, resNet50 } from 'v128/architectures'

const convolution = (/** @type {number} */ filters) => [
  conv2d(filters, { kernel: 3, pad: 1, bias: false }),
  batchNorm(),
  relu(),
  maxPool2d(2),
]
const [digits, photos] = [60_000, 1_281_167]
const networks = [
  {
    name: 'dense 784-256-128-10',
    layers: sequential(dense(256), relu(), dense(128), relu(), dense(10)),
    input: [784],
    batch: 64,
    rows: digits,
  },
  {
    name: 'CNN of mnist.js',
    layers: sequential(...convolution(16), ...convolution(32), flatten(), dense(10)),
    input: [1, 28, 28],
    batch: 64,
    rows: digits,
  },
  { name: 'ResNet-20, 32x32', layers: cifarResNet20(), input: [3, 32, 32], batch: 32, rows: 50_000 },
  { name: 'ResNet-18, 224x224', layers: resNet18(), input: [3, 224, 224], batch: 8, rows: photos },
  { name: 'ResNet-50, 224x224', layers: resNet50(), input: [3, 224, 224], batch: 8, rows: photos },
]

/** @param {number} seconds */
function duration(seconds) {
  const [size, unit] =
    seconds < 100 ? [1, 's'] : seconds < 6000 ? [60, 'min'] : seconds < 2e5 ? [3600, 'h'] : [86400, 'days']
  return `${(seconds / Number(size)).toFixed(1)} ${unit}`
}

/** The time that the process computes in `action`, in seconds: others on the machine do not lengthen it much. */
function timeOf(/** @type {() => void} */ action) {
  const before = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

console.log('network                parameters  images a step  ms a step     images  an epoch')
for (const { name, layers, input, batch, rows } of networks) {
  const options = { input, batch, loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 1e-4 }), seed: 1 }
  const model = await createModel(layers, { ...options, dtype: 'float32' })
  const random = createRandom(1)
  const x = Float32Array.from({ length: batch * input.reduce((a, b) => a * b) }, () => random.normal())
  const y = Uint8Array.from({ length: batch }, (_, i) => i % 10)
  let least = Infinity
  // The first steps are slower. At least three, and a second or two.
  for (let steps = 0, spent = 0; steps < 3 || spent < 1.5; steps++) {
    const time = timeOf(() => model.trainStep(x, y))
    least = Math.min(least, time)
    spent += time
  }
  const parameters = Object.values(model.parameters).reduce((sum, { data }) => sum + data.length, 0)
  console.log(
    name.padEnd(20) +
      parameters.toLocaleString('en').padStart(13) +
      String(batch).padStart(15) +
      (1000 * least).toFixed(1).padStart(11) +
      rows.toLocaleString('en').padStart(11) +
      duration((least * rows) / batch).padStart(10),
  )
  model.close()
}
