import { checkArguments, oneOf } from '../errors'
import { batchNorm } from '../layers/batch-norm'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { globalAvgPool2d } from '../layers/global-avg-pool2d'
import { maxPool2d } from '../layers/max-pool2d'
import { padChannels } from '../layers/pad-channels'
import { relu } from '../layers/relu'
import { residual } from '../layers/residual'
import { sequential } from '../layers/sequential'
import type { Layer } from '../plan/layer'
import { type NormOptions, optionsOf } from './options'

/** The layers of a block's body, for a stride. */
type Body = (stride: number) => Record<string, Layer>

const conv = (filters: number, kernel: number, stride = 1) =>
  conv2d(filters, { kernel, stride, pad: (kernel - 1) / 2, bias: false })

/** Makes a batch norm. */
type Norm = () => Layer

const basic =
  (width: number, norm: Norm): Body =>
  (stride) => ({
    conv1: conv(width, 3, stride),
    bn1: norm(),
    relu: relu(),
    conv2: conv(width, 3),
    bn2: norm(),
  })

/** As torchvision has it, "V1.5": the stride is that of the 3 x 3 convolution. */
const bottleneck =
  (width: number, norm: Norm): Body =>
  (stride) => ({
    conv1: conv(width, 1),
    bn1: norm(),
    relu1: relu(),
    conv2: conv(width, 3, stride),
    bn2: norm(),
    relu2: relu(),
    conv3: conv(4 * width, 1),
    bn3: norm(),
  })

/** `depth` blocks, the first of which has the stride and the shortcut. */
function stage(depth: number, body: Body, stride: number, shortcut?: Layer): Layer {
  const names = { body: '', shortcut: 'downsample' }
  const blocks = Array.from({ length: depth }, (_, i) =>
    sequential({
      '': residual(sequential(body(i ? 1 : stride)), i ? undefined : shortcut, { names }),
      relu: relu(),
    }),
  )
  return sequential(...blocks)
}

const projection = (filters: number, stride: number, norm: Norm) => sequential(conv(filters, 1, stride), norm())

function resNet(where: string, options: NormOptions, depths: readonly number[], bottlenecks: boolean): Layer {
  const { classes, ...checked } = optionsOf(where, options, 1000, ['batchNorm'])
  const norm = () => batchNorm(checked.batchNorm)
  const layers = depths.map((depth, i) => {
    const width = 64 * 2 ** i
    const stride = i ? 2 : 1
    if (bottlenecks) return stage(depth, bottleneck(width, norm), stride, projection(4 * width, stride, norm))
    return stage(depth, basic(width, norm), stride, i ? projection(width, 2, norm) : undefined)
  })
  return sequential({
    conv1: conv(64, 7, 2),
    bn1: norm(),
    relu: relu(),
    maxpool: maxPool2d(3, { stride: 2, pad: 1 }),
    ...Object.fromEntries(layers.map((layer, i) => [`layer${i + 1}`, layer])),
    avgpool: globalAvgPool2d(),
    fc: dense(classes),
  })
}

/**
 * ResNet-18 (He et al., 2015) for images (3, 224, 224), or any of 32 x 32 and more. 11,689,512 parameters, with the
 * names of torchvision, which timm's resnet18 has as well.
 *
 *     const model = await createModel(resNet18({ classes: 5 }), { input: [3, 64, 64], loss, optimizer })
 */
export function resNet18(options: NormOptions = {}): Layer {
  checkArguments('resNet18', arguments, 1)
  return resNet('resNet18', options, [2, 2, 2, 2], false)
}

/** ResNet-34 (He et al., 2015), as resNet18. 21,797,672 parameters. */
export function resNet34(options: NormOptions = {}): Layer {
  checkArguments('resNet34', arguments, 1)
  return resNet('resNet34', options, [3, 4, 6, 3], false)
}

/** ResNet-50 (He et al., 2015), of bottlenecks whose 3 x 3 convolution has the stride. 25,557,032 parameters. */
export function resNet50(options: NormOptions = {}): Layer {
  checkArguments('resNet50', arguments, 1)
  return resNet('resNet50', options, [3, 4, 6, 3], true)
}

/** Of the ResNets for CIFAR. */
export interface CifarResNetOptions extends NormOptions {
  /**
   * Where a block halves the image, 'A' unless given: 'A' takes every second pixel and pads with channels of zeros,
   * without parameters, as in the paper; 'B' is a 1 x 1 convolution with batch norm.
   */
  shortcut?: 'A' | 'B'
}

function cifarResNet(where: string, options: CifarResNetOptions, depth: number): Layer {
  const { classes, ...checked } = optionsOf(where, options, 10, ['shortcut', 'batchNorm'])
  const norm = () => batchNorm(checked.batchNorm)
  const shortcut = oneOf(where, 'shortcut', checked.shortcut ?? 'A', ['A', 'B'])
  // A window of one pixel takes that pixel.
  const narrow = (width: number) =>
    shortcut === 'B'
      ? projection(width, 2, norm)
      : sequential(maxPool2d(1, { stride: 2 }), padChannels({ after: width / 2 }))
  const blocks = (depth - 2) / 6
  return sequential({
    conv1: conv(16, 3),
    bn1: norm(),
    relu: relu(),
    layer1: stage(blocks, basic(16, norm), 1),
    layer2: stage(blocks, basic(32, norm), 2, narrow(32)),
    layer3: stage(blocks, basic(64, norm), 2, narrow(64)),
    avgpool: globalAvgPool2d(),
    fc: dense(classes),
  })
}

/**
 * ResNet-20 for CIFAR (He et al., 2015, section 4.2), images (3, 32, 32). 269,722 parameters, with shortcuts of option
 * B 272,474. With those and with PyTorch's usual names, `layer1.0.conv1.weight` and `layer2.0.downsample.0.weight`.
 */
export function cifarResNet20(options: CifarResNetOptions = {}): Layer {
  checkArguments('cifarResNet20', arguments, 1)
  return cifarResNet('cifarResNet20', options, 20)
}

/** ResNet-32 for CIFAR, as cifarResNet20. 464,154 parameters, with option B 466,906. */
export function cifarResNet32(options: CifarResNetOptions = {}): Layer {
  checkArguments('cifarResNet32', arguments, 1)
  return cifarResNet('cifarResNet32', options, 32)
}

/** ResNet-44 for CIFAR, as cifarResNet20. 658,586 parameters, with option B 661,338. */
export function cifarResNet44(options: CifarResNetOptions = {}): Layer {
  checkArguments('cifarResNet44', arguments, 1)
  return cifarResNet('cifarResNet44', options, 44)
}

/** ResNet-56 for CIFAR, as cifarResNet20. 853,018 parameters, with option B 855,770. */
export function cifarResNet56(options: CifarResNetOptions = {}): Layer {
  checkArguments('cifarResNet56', arguments, 1)
  return cifarResNet('cifarResNet56', options, 56)
}

/** ResNet-110 for CIFAR, as cifarResNet20. 1,727,962 parameters, with option B 1,730,714. */
export function cifarResNet110(options: CifarResNetOptions = {}): Layer {
  checkArguments('cifarResNet110', arguments, 1)
  return cifarResNet('cifarResNet110', options, 110)
}
