/**
 * Reading data sets, preparing them and augmenting them.
 *
 * @module v128/data
 */

export {
  type AugmentOptions,
  type Augmentation,
  type Change,
  type Fill,
  type ImageShape,
  augment,
} from '../data/augment/augment'
export { type Amount, type ColorJitterOptions, colorJitter } from '../data/augment/color-jitter'
export { cutout } from '../data/augment/cutout'
export { horizontalFlip } from '../data/augment/horizontal-flip'
export { randomCrop } from '../data/augment/random-crop'
export { randomRotation, randomScale } from '../data/augment/warp'
export { type Bytes } from '../data/bytes'
export { channelsFirst } from '../data/channels-first'
export { type Cifar100Data, readCifar10, readCifar100 } from '../data/cifar'
export { type Column, type CsvData, type CsvOptions, readCsv } from '../data/csv'
export { type ByteData, type IdxArray, type IdxValues, readIdx, readMnist } from '../data/idx'
export {
  type Projection,
  type Scaling,
  type ScalingOptions,
  type Transform,
  loadTransform,
  standardize,
  zeroCenter,
} from '../data/transforms'
