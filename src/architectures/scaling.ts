import { checkArguments, checkOptions, finite, oneOf } from '../errors'

/** Options of normalize, for three channels. */
export interface Scaling {
  /** Of each channel. */
  readonly mean: readonly number[]
  /** Of each channel. */
  readonly std: readonly number[]
}

/** For pixels from 0 to `max`. */
const KNOWN: Readonly<Record<string, Scaling & { readonly max: number }>> = {
  imagenet: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], max: 1 },
  inception: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5], max: 1 },
  caffe: { mean: [103.939, 116.779, 123.68], std: [1, 1, 1], max: 255 },
}

/**
 * What normalize is told for networks that others trained on ImageNet, which learn nothing from pictures in another scale:
 *
 * - 'imagenet': torchvision's and most of timm's: mean 0.485, 0.456, 0.406 and standard deviation 0.229, 0.224, 0.225 of red,
 *   green and blue from 0 to 1;
 * - 'inception': from -1 to 1, as TensorFlow's MobileNets, torchvision's ready-made googLeNet and timm's mobileNetV1 have it;
 * - 'caffe': less the mean of **blue, green, red**, in that order, as Keras' VGG and ResNet have it.
 *
 * Pixels are from 0 to `max`, 255 unless given, as canvases and PNGs have them.
 *
 *     const network = sequential({ pixels: normalize(scaling('imagenet')), net: mobileNetV2() })
 */
export function scaling(of: 'imagenet' | 'inception' | 'caffe', options: { max?: number } = {}): Scaling {
  checkArguments('scaling', arguments, 2)
  const known = KNOWN[oneOf('scaling', 'of', of, ['imagenet', 'inception', 'caffe'])]
  const read = checkOptions('scaling', options, ['max'])
  const max = finite('scaling', 'max', read.max ?? 255, Number.MIN_VALUE)
  const scaled = (values: readonly number[]) => values.map((value) => (value * max) / known.max)
  return { mean: scaled(known.mean), std: scaled(known.std) }
}
