import { checkArguments } from '../errors'
import { batchNorm } from '../layers/batch-norm'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { dropout } from '../layers/dropout'
import { globalAvgPool2d } from '../layers/global-avg-pool2d'
import { relu } from '../layers/relu'
import { residual } from '../layers/residual'
import { sequential } from '../layers/sequential'
import type { Layer } from '../plan/layer'
import { type KeepOptions, type WidthOptions, optionsOf, widen } from './options'

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
  checkArguments('mobileNetV1', arguments, 1)
  const checked = optionsOf('mobileNetV1', options, 1000, ['width'])
  const wide = widen('mobileNetV1', checked)
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
  return sequential({
    features: sequential(...features),
    avgpool: globalAvgPool2d(),
    classifier: dense(checked.classes),
  })
}

/**
 * MobileNet V2 (Sandler et al., 2018) for images (3, 224, 224), or any of 32 x 32 and more: inverted residuals, whose
 * bottlenecks are linear. 3,504,872 parameters, with the names of torchvision.
 */
export function mobileNetV2(options: WidthOptions & KeepOptions = {}): Layer {
  checkArguments('mobileNetV2', arguments, 1)
  const checked = optionsOf('mobileNetV2', options, 1000, ['width', 'keep'])
  const keep = checked.keep ?? 0.8
  const wide = widen('mobileNetV2', checked)
  const relu6 = () => relu({ max: 6 })
  /** Expansion, channels, blocks, stride of the first. */
  const stages = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ]
  let channels = wide(32)
  const features = [sequential(...conv(channels, 3, 2), relu6())]
  for (const [expansion, filters, blocks, first] of stages) {
    for (let i = 0; i < blocks; i++) {
      const stride = i ? 1 : first
      const hidden = channels * expansion
      const body = sequential(
        ...(expansion > 1 ? [sequential(...conv(hidden, 1), relu6())] : []),
        sequential(...conv(hidden, 3, stride, hidden), relu6()),
        ...conv(wide(filters), 1),
      )
      const same = stride === 1 && channels === wide(filters)
      features.push(same ? residual(body, undefined, { names: { body: 'conv' } }) : sequential({ conv: body }))
      channels = wide(filters)
    }
  }
  // A narrow network keeps its last layer, a wide one widens it.
  features.push(sequential(...conv(Math.max(1280, wide(1280)), 1), relu6()))
  return sequential({
    features: sequential(...features),
    avgpool: globalAvgPool2d(),
    classifier: sequential(dropout({ keep }), dense(checked.classes)),
  })
}
