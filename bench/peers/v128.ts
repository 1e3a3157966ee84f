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

/** Those of some kernels, by name: tables grow. */
function only(kernelCases: readonly KernelCase[], ...kernels: string[]): KernelCase[] {
  return kernels.map((kernel) => {
    const found = kernelCases.find((kernelCase) => kernelCase.kernel === kernel)
    if (!found) throw new Error(`no case of ${kernel}`)
    return found
  })
}

/** The calls of kernels that a task is. */
const cases: Record<string, (task: Task) => KernelCase[]> = {
  gemm: ({ size }) => [gemmCase(size, size, size)],
  'conv-forward': (task) => only(convolution(task), 'conv2dForward'),
  'conv-dx': (task) => only(convolution(task), 'conv2dBackwardInput'),
  // The gradient of the bias as well, as PyTorch's.
  'conv-dw': (task) => only(convolution(task), 'conv2dBackwardWeight', 'addChannelSums'),
  'batch-norm-forward': ({ n, c, h }) => only(batchNormCases(n, c, h * h, 1, 0), 'batchNormForward'),
  'batch-norm-backward': ({ n, c, h }) => only(batchNormCases(n, c, h * h, 1, 0), 'batchNormBackward'),
  'max-pool-forward': ({ n, c, h }) => only(poolCases(n * c, h, h, [2, 2]), 'maxPool2x2Forward'),
  'max-pool-backward': ({ n, c, h }) => only(poolCases(n * c, h, h, [2, 2]), 'maxPool2dBackward'),
  'relu-forward': ({ n, c, h }) => only(activationCases('relu', n * c * h * h, [NaN]), 'reluForward'),
  'relu-backward': ({ n, c, h }) => only(activationCases('relu', n * c * h * h, [NaN]), 'reluBackward'),
  adam: ({ count }) => [adamCase(count)],
  softmax: ({ n, classes }) => [softmaxCase(n, classes)],
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
          const { dtype, backend } = options
          const calls: (() => void)[] = []
          for (const kernelCase of find(task)) {
            const call = prepare(kernelCase, dtype === 'float64' ? 8 : 4)
            const { kernels, buffer } = await createEngine(dtype, call.bytes, backend)
            call.fill(buffer)
            const { args } = call
            if (kind === 'max-pool-backward') {
              fillWindows(new Int32Array(buffer, args[4], (task.n * task.c * task.h * task.h) / 4), task.h)
            }
            const kernel = kernels[kernelCase.kernel] as (...args: number[]) => void
            calls.push(() => kernel(...args))
          }
          return calls.length === 1 ? calls[0] : () => calls.forEach((call) => call())
        },
      ]),
    ),
    mnist: train(options),
    training: train(options),
    lstm: train(options),
  },
}))
