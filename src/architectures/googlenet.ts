import { checkArguments, readSafely } from '../errors'
import { type BatchNormOptions, batchNorm } from '../layers/batch-norm'
import { concat } from '../layers/concat'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { dropout } from '../layers/dropout'
import { globalAvgPool2d } from '../layers/global-avg-pool2d'
import { maxPool2d } from '../layers/max-pool2d'
import { relu } from '../layers/relu'
import { sequential } from '../layers/sequential'
import type { Layer } from '../plan/layer'
import { type KeepOptions, type NormOptions, optionsOf } from './options'

/** Its batch norm differs from that of PyTorch's other networks. */
const TORCHVISION = { epsilon: 0.001 }

/** Makes a convolution with batch norm and ReLU. */
type Conv = (filters: number, kernel: number, stride?: number) => Layer

const convWith =
  (norm: BatchNormOptions): Conv =>
  (filters, kernel, stride = 1) =>
    sequential({
      conv: conv2d(filters, { kernel, stride, pad: (kernel - 1) / 2, bias: false }),
      bn: batchNorm(norm),
      relu: relu(),
    })

/** Filters: 1 x 1; 3 x 3, reduced before; "5 x 5", reduced before; after the pool. */
type Inception = (one: number, reduce3: number, three: number, reduce5: number, five: number, pool: number) => Layer

const inceptionOf =
  (conv: Conv): Inception =>
  (one, reduce3, three, reduce5, five, pool) =>
    concat({
      branch1: conv(one, 1),
      branch2: sequential(conv(reduce3, 1), conv(three, 3)),
      // 3 x 3 as in torchvision, where 5 x 5 was meant.
      branch3: sequential(conv(reduce5, 1), conv(five, 3)),
      branch4: sequential(maxPool2d(3, { stride: 1, pad: 1 }), conv(pool, 1)),
    })

/**
 * GoogLeNet (Szegedy et al., 2015) for images (3, 224, 224), or any of 32 x 32 and more, with batch norm and without
 * the auxiliary classifiers, as torchvision has it: 6,624,904 parameters, with its names. torchvision's ready-made
 * weights want inputs from -1 to 1, `scaling('inception')`: its option transform_input makes such of those it takes. Its
 * file has the auxiliary classifiers too, which are left out so:
 *
 *     model.load(bytes, { rename: (name) => (name.startsWith('aux') ? undefined : name) })
 */
export function googLeNet(options: KeepOptions & NormOptions = {}): Layer {
  checkArguments('googLeNet', arguments, 1)
  const checked = optionsOf('googLeNet', options, 1000, ['keep', 'batchNorm'])
  const keep = checked.keep ?? 0.8
  const norm = readSafely('googLeNet', 'batchNorm', () => Object.assign({}, TORCHVISION, checked.batchNorm))
  const conv = convWith(norm)
  const inception = inceptionOf(conv)
  const pool = (kernel: number) => maxPool2d(kernel, { stride: 2, ceil: true })
  return sequential({
    conv1: conv(64, 7, 2),
    maxpool1: pool(3),
    conv2: conv(64, 1),
    conv3: conv(192, 3),
    maxpool2: pool(3),
    inception3a: inception(64, 96, 128, 16, 32, 32),
    inception3b: inception(128, 128, 192, 32, 96, 64),
    maxpool3: pool(3),
    inception4a: inception(192, 96, 208, 16, 48, 64),
    inception4b: inception(160, 112, 224, 24, 64, 64),
    inception4c: inception(128, 128, 256, 24, 64, 64),
    inception4d: inception(112, 144, 288, 32, 64, 64),
    inception4e: inception(256, 160, 320, 32, 128, 128),
    maxpool4: pool(2),
    inception5a: inception(256, 160, 320, 32, 128, 128),
    inception5b: inception(384, 192, 384, 48, 128, 128),
    avgpool: globalAvgPool2d(),
    dropout: dropout({ keep }),
    fc: dense(checked.classes),
  })
}
