// v128 itself: run.mjs bundles this file, with the library's sources, into dist/peers.mjs.

import { trainingStep } from '../networks.mjs'
import { createEngine } from '../../src/engine/create'
import * as architectures from '../../src/entries/architectures'
import * as v128 from '../../src/entries/index'
import {
  type KernelCase,
  activationCases,
  adamCase,
  batchNormCases,
  convCases,
  gemmCase,
  poolCases,
  prepare,
  softmaxCase,
} from '../../cases/kernels'
import { serve } from './child.mjs'

interface Options {
  dtype: 'float64' | 'float32'
  backend: 'wasm' | 'js'
}
type Task = Record<string, number>

const convolution = ({ n, c, h, f, kernel, pad, stride, dilation, groups }: Task): KernelCase[] =>
  convCases(n, c, h, h, f, [kernel, kernel], {
    pad: [pad, pad],
    stride: [stride, stride],
    dilation: [dilation, dilation],
    groups,
  })

const cases: Record<string, (task: Task) => KernelCase> = {
  gemm: ({ size }) => gemmCase(size, size, size),
  'conv-forward': (task) => convolution(task)[0],
  'conv-dx': (task) => convolution(task)[1],
  'conv-dw': (task) => convolution(task)[2],
  'batch-norm-forward': ({ n, c, h }) => batchNormCases(n, c, h * h, 1, 0)[0],
  'batch-norm-backward': ({ n, c, h }) => batchNormCases(n, c, h * h, 1, 0)[1],
  'max-pool-forward': ({ n, c, h }) => poolCases(n * c, h, h, [2, 2])[0],
  'max-pool-backward': ({ n, c, h }) => poolCases(n * c, h, h, [2, 2])[1],
  'relu-forward': ({ n, c, h }) => activationCases('relu', n * c * h * h, [NaN])[0],
  'relu-backward': ({ n, c, h }) => activationCases('relu', n * c * h * h, [NaN])[1],
  adam: ({ count }) => adamCase(count),
  softmax: ({ n, classes }) => softmaxCase(n, classes),
}

/** The indices that a forward pass would leave: one in each window of 2 x 2, not anywhere in the plane. */
function fillWindows(index: Int32Array, h: number): void {
  const oh = h / 2
  for (let i = 0; i < index.length; i++) {
    const [row, column] = [Math.floor((i % (oh * oh)) / oh), i % oh]
    const winner = Math.imul(i, 2654435761) >>> 30
    index[i] = (2 * row + (winner >> 1)) * h + 2 * column + (winner & 1)
  }
}

const train = (options: Options) => (task: { network: string }) =>
  trainingStep({ ...v128, ...architectures }, task.network, options)

serve(async (options: Options) => ({
  version: '',
  tasks: {
    ...Object.fromEntries(
      Object.entries(cases).map(([kind, find]) => [
        kind,
        async (task: Task) => {
          const kernelCase = find(task)
          const { dtype, backend } = options
          const call = prepare(kernelCase, dtype === 'float64' ? 8 : 4)
          const { kernels, buffer } = await createEngine(dtype, call.bytes, backend)
          call.fill(buffer)
          const { args } = call
          if (kind === 'max-pool-backward') {
            fillWindows(new Int32Array(buffer, args[4], (task.n * task.c * task.h * task.h) / 4), task.h)
          }
          const kernel = kernels[kernelCase.kernel] as (...args: number[]) => void
          return () => kernel(...args)
        },
      ]),
    ),
    mnist: train(options),
    training: train(options),
  },
}))
