// TensorFlow.js: its WebAssembly backend as shipped, the same with a filter gradient written here, and its JavaScript
// backend. Images are NHWC; float32 only.

import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { keepLosses, mnistParameters, serve } from './child.mjs'
import { isPlain } from './tasks.mjs'
import { initial, labels, product, values } from './values.mjs'

// Its ES modules do not load in Node; its CommonJS builds do.
const require = createRequire(import.meta.url)

serve(async ({ backend, filterGradient }) => {
  const tf = require('@tensorflow/tfjs-core')
  // Registers the gradients with the core as well.
  const layers = require('@tensorflow/tfjs-layers')
  // Its layers call methods of tensors, which the core alone does not have.
  for (const [name, operation] of Object.entries(tf)) {
    if (typeof operation !== 'function' || name in tf.Tensor.prototype) continue
    tf.Tensor.prototype[name] = function (...args) {
      return operation(this, ...args)
    }
  }
  if (backend === 'cpu') require('@tensorflow/tfjs-backend-cpu')
  else {
    const { setWasmPaths } = require('@tensorflow/tfjs-backend-wasm')
    setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
    tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false)
  }
  if (!(await tf.setBackend(backend))) throw new Error(`the ${backend} backend of TensorFlow.js did not start`)
  if (filterGradient) registerFilterGradient(tf)
  tf.engine().startScope()

  const tensor = (shape, scale) => tf.tensor(values(product(shape), Float32Array, scale), shape)
  const kernel = (name, inputs, attributes) => tf.engine().runKernel(name, inputs, attributes)
  const images = ({ n, c, h }) => tensor([n, h, h, c])
  /** A call that frees whatever it made. */
  const timed = (call) => () => void tf.tidy(() => void call())

  function convolution({ n, c, h, f, kernel: k, pad }) {
    const x = images({ n, c, h })
    const dy = images({ n, c: f, h })
    const filter = tensor([k, k, c, f])
    const bias = tensor([f])
    const how = { strides: 1, pad, dataFormat: 'NHWC' }
    return {
      forward: () => tf.fused.conv2d({ x, filter, bias, ...how }),
      dx: () => kernel('Conv2DBackpropInput', { dy, filter }, { ...how, inputShape: x.shape }),
      dw: () => {
        kernel('Conv2DBackpropFilter', { x, dy }, { ...how, filterShape: filter.shape })
        tf.sum(dy, [0, 1, 2])
      },
    }
  }

  function batchNorm(x, gamma, beta) {
    const { mean, variance } = tf.moments(x, [0, 1, 2])
    return { mean, variance, y: tf.batchNorm(x, mean, variance, beta, gamma, 1e-5) }
  }

  function mnist({ batch }) {
    // Conv filters to height, width, channels, filters; the dense layer to height, width, channels in, units out.
    const order = { '0.weight': [2, 3, 1, 0], '4.weight': [2, 3, 1, 0], '9.weight': [2, 3, 1, 0] }
    const p = {}
    for (const [name, [shape, data]] of Object.entries(mnistParameters())) {
      const value = tf.tensor(data, name === '9.weight' ? [10, 32, 7, 7] : shape)
      p[name] = tf.variable(order[name] ? tf.transpose(value, order[name]) : value)
    }
    const running = [16, 32].map((c) => [tf.variable(tf.zeros([c]), false), tf.variable(tf.ones([c]), false)])
    const x = tensor([batch, 28, 28, 1])
    const y = tf.oneHot(tf.tensor1d(labels(batch, 10), 'int32'), 10)
    const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8)
    const update = (old, batchValue) => old.assign(tf.add(tf.mul(old, 0.9), tf.mul(batchValue, 0.1)))
    const block = (input, conv, norm, [mean, variance]) => {
      const convolved = tf.add(tf.conv2d(input, p[`${conv}.weight`], 1, 1), p[`${conv}.bias`])
      const normed = batchNorm(convolved, p[`${norm}.weight`], p[`${norm}.bias`])
      update(mean, normed.mean)
      update(variance, normed.variance)
      return tf.maxPool(tf.relu(normed.y), 2, 2, 'valid')
    }
    const loss = () => {
      const features = block(block(x, 0, 1, running[0]), 4, 5, running[1])
      const weight = tf.reshape(p['9.weight'], [1568, 10])
      const scores = tf.add(tf.matMul(tf.reshape(features, [batch, 1568]), weight), p['9.bias'])
      return tf.losses.softmaxCrossEntropy(y, scores)
    }
    return keepLosses(() => tf.tidy(() => optimizer.minimize(loss, true).dataSync()[0]))
  }

  function lstm({ batch, input, classes }) {
    const [units, features] = [128, input[1]]
    const net = layers.sequential()
    net.add(
      layers.layers.lstm({ units, inputShape: input, recurrentActivation: 'sigmoid', recurrentInitializer: 'zeros' }),
    )
    net.add(layers.layers.dense({ units: classes }))
    const weight = (of) => tf.transpose(tf.tensor(initial('weight', of), of))
    net.setWeights([
      ...[features, units].map((size) => weight([4 * units, size])),
      tf.zeros([4 * units]),
      weight([classes, units]),
      tf.zeros([classes]),
    ])
    const x = tensor([batch, ...input])
    const y = tf.oneHot(tf.tensor1d(labels(batch, classes), 'int32'), classes)
    const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8)
    const loss = () => tf.losses.softmaxCrossEntropy(y, net.apply(x, { training: true }))
    return keepLosses(() => tf.tidy(() => optimizer.minimize(loss, true).dataSync()[0]))
  }

  const tasks = {
    gemm: ({ size }) => {
      const [a, b] = [tensor([size, size]), tensor([size, size])]
      return timed(() => tf.matMul(a, b))
    },
    ...Object.fromEntries(
      ['forward', 'dx', 'dw'].map((pass) => [
        `conv-${pass}`,
        (task) => isPlain(task) && timed(convolution(task)[pass]),
      ]),
    ),
    'batch-norm-forward': (task) => {
      const [x, gamma, beta] = [images(task), tensor([task.c]), tensor([task.c])]
      return timed(() => batchNorm(x, gamma, beta))
    },
    'max-pool-forward': (task) => {
      const x = images(task)
      return timed(() => tf.maxPool(x, 2, 2, 'valid'))
    },
    'max-pool-backward': (task) => {
      const input = images(task)
      const output = tf.maxPool(input, 2, 2, 'valid')
      const dy = tensor(output.shape)
      return timed(() =>
        kernel(
          'MaxPoolGrad',
          { dy, input, output },
          { filterSize: 2, strides: 2, pad: 'valid', dimRoundingMode: null },
        ),
      )
    },
    'relu-forward': (task) => {
      const x = images(task)
      return timed(() => tf.relu(x))
    },
    'relu-backward': (task) => {
      const [x, dy] = [images(task), images(task)]
      return timed(() => tf.mul(dy, tf.step(x)))
    },
    adam: ({ count }) => {
      const weight = tf.variable(tensor([count]))
      const gradient = tensor([count])
      const optimizer = tf.train.adam(1e-3, 0.9, 0.999, 1e-8)
      return timed(() => optimizer.applyGradients({ [weight.name]: gradient }))
    },
    softmax: ({ n, classes }) => {
      const x = tensor([n, classes])
      const y = tf.oneHot(tf.tensor1d(labels(n, classes), 'int32'), classes)
      const run = tf.valueAndGrad((scores) => tf.losses.softmaxCrossEntropy(y, scores))
      return timed(() => run(x))
    },
    mnist,
    lstm,
  }
  return {
    version: tf.version_core,
    tasks: Object.fromEntries(
      Object.entries(tasks).map(([kind, make]) => [
        kind,
        (task) => {
          // What the task before this one left.
          tf.engine().endScope()
          tf.disposeVariables()
          tf.engine().startScope()
          return make(task)
        },
      ]),
    ),
  }
})

/**
 * The gradient that the WebAssembly backend lacks, from operations that it has, in the faster of two forms. As a
 * convolution of x by dy with the batch in the place of the channels; or, where a filter sees few channels or one
 * pixel, as a matrix product for each of its places: shifted x (C x pixels) times dy (pixels x F).
 */
function registerFilterGradient(tf) {
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc: ({ inputs: { x, dy }, attrs: { strides, pad, filterShape } }) => {
      if (![strides].flat().every((s) => s === 1) || typeof pad !== 'number') throw new Error('stride 1 and pad only')
      const [k, , c, f] = filterShape
      const [n, h, w] = dy.shape
      return tf.tidy(() => {
        if (k > 1 && c > 4) {
          const dw = tf.conv2d(tf.transpose(x, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3]), 1, pad)
          return tf.transpose(dw, [1, 2, 0, 3])
        }
        const border = [pad, pad]
        const planes = tf.transpose(tf.pad(x, [[0, 0], border, border, [0, 0]]), [3, 0, 1, 2])
        const gradient = tf.reshape(dy, [n * h * w, f])
        const places = Array.from({ length: k * k }, (_, place) => {
          const shifted = tf.slice(planes, [0, 0, Math.floor(place / k), place % k], [c, n, h, w])
          return tf.matMul(tf.reshape(shifted, [c, n * h * w]), gradient)
        })
        return tf.reshape(tf.stack(places), filterShape)
      })
    },
  })
}
