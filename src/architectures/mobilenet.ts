import { batchNorm } from '../layers/batch-norm'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { globalAvgPool2d } from '../layers/global-avg-pool2d'
import { relu } from '../layers/relu'
import { sequential } from '../layers/sequential'
import type { Layer } from '../plan'
import { type WidthOptions, classesOf, widen } from './options'

/** The convolution and its batch norm; depthwise with as many groups as filters. */
const conv = (filters: number, kernel: number, stride = 1, groups = 1) => [
  conv2d(filters, { kernel, stride, pad: (kernel - 1) / 2, groups, bias: false }),
  batchNorm(),
]

/**
 * MobileNet V1 (Howard et al., 2017) for images (3, 224, 224), or any of 32 x 32 and more: a depthwise 3 x 3 and a
 * 1 x 1 convolution instead of a full one. 4,231,976 parameters; `width` is the paper's α.
 */
export function mobileNetV1(options: WidthOptions = {}): Layer {
  const classes = classesOf('mobileNetV1', options, 1000, ['width'])
  const wide = widen('mobileNetV1', options)
  const blocks = [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
    ...Array.from({ length: 5 }, () => [512, 1]),
    [1024, 2],
    [1024, 1],
  ]
  let channels = wide(32)
  const features = [sequential(...conv(channels, 3, 2), relu())]
  for (const [filters, stride] of blocks) {
    features.push(sequential(...conv(channels, 3, stride, channels), relu(), ...conv(wide(filters), 1), relu()))
    channels = wide(filters)
  }
  return sequential({ features: sequential(...features), avgpool: globalAvgPool2d(), classifier: dense(classes) })
}
