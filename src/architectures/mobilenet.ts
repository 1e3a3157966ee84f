import { PlanError, callable, checkArguments, show } from '../errors'
import { batchNorm } from '../layers/batch-norm'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { dropout } from '../layers/dropout'
import { globalAvgPool2d } from '../layers/global-avg-pool2d'
import { relu } from '../layers/relu'
import { residual } from '../layers/residual'
import { sequential } from '../layers/sequential'
import type { Layer } from '../plan/layer'
import { type KeepOptions, type MobileNetOptions, optionsOf, widen } from './options'

/** Of mobileNetV1. */
export interface MobileNetV1Options extends MobileNetOptions {
  /** Makes the layer after each batch norm; relu unless given. timm's and Keras' cut it off at 6: `relu({ max: 6 })`. */
  activation?: () => Layer
}

/** What makes a convolution and its batch norm; depthwise with as many groups as filters. */
function convOf(where: string, { batchNorm: norm, pad = 1 }: MobileNetOptions) {
  if (pad !== 1 && pad !== 'same') throw new PlanError(`${where}: pad must be 1 or 'same', got ${show(pad)}`)
  return (filters: number, kernel: number, stride = 1, groups = 1) => [
    conv2d(filters, { kernel, stride, pad: kernel === 1 ? 0 : pad, groups, bias: false }),
    batchNorm(norm),
  ]
}

/**
 * MobileNet V1 (Howard et al., 2017) for images (3, 224, 224), or any of 32 x 32 and more: a depthwise 3 x 3 and a
 * 1 x 1 convolution instead of a full one. 4,231,976 parameters; `width` is the paper's α. torchvision has none; timm's
 * takes images from -1 to 1, `scaling('inception')`, and its file has other names:
 *
 *     const network = mobileNetV1({ activation: () => relu({ max: 6 }) })
 *     model.load(bytes, { rename: timmNames('mobileNetV1') })
 */
export function mobileNetV1(options: MobileNetV1Options = {}): Layer {
  checkArguments('mobileNetV1', arguments, 1)
  const checked = optionsOf('mobileNetV1', options, 1000, ['width', 'batchNorm', 'pad', 'activation'])
  const wide = widen('mobileNetV1', checked)
  const conv = convOf('mobileNetV1', checked)
  const activation = checked.activation ?? relu
  callable('mobileNetV1', 'activation', activation, 'a function that makes a layer, such as relu')
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
  const features = [sequential(...conv(channels, 3, 2), activation())]
  for (const [filters, stride] of blocks) {
    const [depthwise, pointwise] = [conv(channels, 3, stride, channels), conv(wide(filters), 1)]
    features.push(sequential(...depthwise, activation(), ...pointwise, activation()))
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
 * bottlenecks are linear. 3,504,872 parameters, with the names of torchvision. timm's is the same under other names:
 *
 *     model.load(bytes, { rename: timmNames('mobileNetV2') })
 */
export function mobileNetV2(options: MobileNetOptions & KeepOptions = {}): Layer {
  checkArguments('mobileNetV2', arguments, 1)
  const checked = optionsOf('mobileNetV2', options, 1000, ['width', 'keep', 'batchNorm', 'pad'])
  const keep = checked.keep ?? 0.8
  const wide = widen('mobileNetV2', checked)
  const conv = convOf('mobileNetV2', checked)
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
