// TensorFlow.js: its WebAssembly backend as shipped, the same with a filter gradient written here, and its JavaScript
// backend. Images are NHWC, float32 only.

import * as tf from '@tensorflow/tfjs-core'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { product, serve, values } from './child.mjs'
import { isPlain } from './tasks.mjs'

const require = createRequire(import.meta.url)

/**
 * The gradient that the WebAssembly backend lacks, from operations that it has: for each place of the filter, the
 * shifted input (pixels x C, transposed) times dy (pixels x F).
 */
function registerFilterGradient() {
  tf.registerKernel({
    kernelName: 'Conv2DBackpropFilter',
    backendName: 'wasm',
    kernelFunc: ({ inputs: { x, dy }, attrs: { strides, pad, dataFormat, dimRoundingMode, filterShape } }) => {
      const format = tf.backend_util.convertConv2DDataFormat(dataFormat)
      const info = tf.backend_util.computeConv2DInfo(
        x.shape,
        filterShape,
        strides,
        1,
        pad,
        dimRoundingMode,
        false,
        format,
      )
      const { batchSize, outHeight, outWidth, inChannels, outChannels, strideHeight, strideWidth } = info
      const { top, bottom, left, right } = info.padInfo
      const [kh, kw] = filterShape
      const pixels = batchSize * outHeight * outWidth
      return tf.tidy(() => {
        const image = tf.engine().makeTensorFromTensorInfo(x)
        const padded = tf.pad(image, [
          [0, 0],
          [top, bottom],
          [left, right],
          [0, 0],
        ])
        const gradient = tf.reshape(tf.engine().makeTensorFromTensorInfo(dy), [pixels, outChannels])
        const places = []
        for (let i = 0; i < kh; i++) {
          for (let j = 0; j < kw; j++) {
            const end = [
              batchSize,
              i + (outHeight - 1) * strideHeight + 1,
              j + (outWidth - 1) * strideWidth + 1,
              inChannels,
            ]
            const shifted =
              strideHeight === 1 && strideWidth === 1
                ? tf.slice(padded, [0, i, j, 0], [batchSize, outHeight, outWidth, inChannels])
                : tf.stridedSlice(padded, [0, i, j, 0], end, [1, strideHeight, strideWidth, 1])
            places.push(tf.matMul(tf.reshape(shifted, [pixels, inChannels]), gradient, true, false))
          }
        }
        return tf.reshape(tf.stack(places), filterShape)
      })
    },
  })
}
