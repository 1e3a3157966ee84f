import { checkArguments, flag, isPlain } from '../errors'
import { type BatchNormOptions, batchNorm } from '../layers/batch-norm'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { dropout } from '../layers/dropout'
import { flatten } from '../layers/flatten'
import { maxPool2d } from '../layers/max-pool2d'
import { relu } from '../layers/relu'
import { sequential } from '../layers/sequential'
import type { Layer } from '../plan/layer'
import { type KeepOptions, optionsOf } from './options'

/** Of vgg11 and vgg16. */
export interface VggOptions extends KeepOptions {
  /** Batch norm after each convolution (torchvision's vgg11_bn, vgg16_bn), or its options; false unless given. */
  batchNorm?: boolean | BatchNormOptions
}

/** `depths`: how many convolutions before each of the five pools. */
function vgg(where: string, options: VggOptions, depths: readonly number[]): Layer {
  const { classes, ...checked } = optionsOf(where, options, 1000, ['batchNorm', 'keep'])
  const keep = checked.keep ?? 0.5
  const given = checked.batchNorm ?? false
  const norm = isPlain(given) ? given : flag(where, 'batchNorm', given) && {}
  const features = depths.flatMap((depth, i) => [
    ...Array.from({ length: depth }, () => [
      conv2d(Math.min(512, 64 * 2 ** i), { kernel: 3, pad: 1 }),
      ...(norm ? [batchNorm(norm)] : []),
      relu(),
    ]).flat(),
    maxPool2d(2),
  ])
  return sequential({
    features: sequential(...features),
    flatten: flatten(),
    classifier: sequential(
      dense(4096),
      relu(),
      dropout({ keep }),
      dense(4096),
      relu(),
      dropout({ keep }),
      dense(classes),
    ),
  })
}

/**
 * VGG-11 (Simonyan & Zisserman, 2015, configuration A) for images (3, 224, 224): 132,863,336 parameters, with the names
 * of torchvision, whose adaptive pooling changes nothing at that size. Other images, of 32 x 32 and more, are flattened
 * as they are, so that the first dense layer has another shape.
 */
export function vgg11(options: VggOptions = {}): Layer {
  checkArguments('vgg11', arguments, 1)
  return vgg('vgg11', options, [1, 1, 2, 2, 2])
}

/** VGG-16 (Simonyan & Zisserman, 2015, configuration D), as vgg11. 138,357,544 parameters. */
export function vgg16(options: VggOptions = {}): Layer {
  checkArguments('vgg16', arguments, 1)
  return vgg('vgg16', options, [2, 2, 3, 3, 3])
}
