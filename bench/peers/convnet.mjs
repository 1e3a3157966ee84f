// ConvNetJS: float64, one example at a time, and without batch norm or Adam.

import convnetjs from 'convnetjs'
import { createRequire } from 'node:module'
import { serve } from './child.mjs'
import { isPlain } from './tasks.mjs'
import { labels, values } from './values.mjs'

const { Vol } = convnetjs

function volume(size, depth) {
  const vol = new Vol(size, size, depth, 0)
  vol.w = values(vol.w.length, Float64Array)
  return vol
}

/** A layer over n examples. */
function layer(Layer, options, n, [size, depth], pass) {
  const one = new Layer({ in_sx: size, in_sy: size, in_depth: depth, ...options })
  const input = volume(size, depth)
  const output = one.forward(input, true)
  output.dw = values(output.w.length, Float64Array)
  const call = pass === 'forward' ? () => one.forward(input, true) : () => one.backward()
  return () => {
    for (let i = 0; i < n; i++) call()
  }
}

const conv = (task, pass) =>
  isPlain(task) &&
  layer(
    convnetjs.ConvLayer,
    { sx: task.kernel, filters: task.f, stride: 1, pad: task.pad },
    task.n,
    [task.h, task.c],
    pass,
  )
const pool = ({ n, c, h }, pass) => layer(convnetjs.PoolLayer, { sx: 2, stride: 2 }, n, [h, c], pass)
const relu = ({ n, c, h }, pass) => layer(convnetjs.ReluLayer, {}, n, [h, c], pass)

serve(() => ({
  version: createRequire(import.meta.url)('convnetjs/package.json').version,
  notes: { 'conv-dw': 'dx and dw in one', mnist: 'without batch norm, and Adadelta for Adam' },
  tasks: {
    'conv-forward': (task) => conv(task, 'forward'),
    'conv-dw': (task) => conv(task, 'backward'),
    'max-pool-forward': (task) => pool(task, 'forward'),
    'max-pool-backward': (task) => pool(task, 'backward'),
    'relu-forward': (task) => relu(task, 'forward'),
    'relu-backward': (task) => relu(task, 'backward'),
    softmax: ({ n, classes }) => {
      const softmax = new convnetjs.SoftmaxLayer({ in_sx: 1, in_sy: 1, in_depth: classes })
      const input = volume(1, classes)
      return () => {
        for (let i = 0; i < n; i++) {
          softmax.forward(input)
          softmax.backward(i % classes)
        }
      }
    },
    mnist: ({ batch }) => {
      const net = new convnetjs.Net()
      net.makeLayers([
        { type: 'input', out_sx: 28, out_sy: 28, out_depth: 1 },
        { type: 'conv', sx: 3, filters: 16, stride: 1, pad: 1, activation: 'relu' },
        { type: 'pool', sx: 2, stride: 2 },
        { type: 'conv', sx: 3, filters: 32, stride: 1, pad: 1, activation: 'relu' },
        { type: 'pool', sx: 2, stride: 2 },
        { type: 'softmax', num_classes: 10 },
      ])
      const trainer = new convnetjs.Trainer(net, { method: 'adadelta', batch_size: batch })
      const examples = labels(batch, 10).map((label) => [volume(28, 1), label])
      return () => {
        for (const [x, label] of examples) trainer.train(x, label)
      }
    },
  },
}))
