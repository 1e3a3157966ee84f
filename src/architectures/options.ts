// What the options of architectures share.

import { MAX_SIZE, checkOptions, finite, integer } from '../errors'
import type { BatchNormOptions } from '../layers/batch-norm'

/** Of all architectures. */
export interface ClassesOptions {
  /** Outputs: a score for each class; those of the network's data set unless given. */
  classes?: number
}

/** Of those with dropout. */
export interface KeepOptions extends ClassesOptions {
  /**
   * The probability that dropout keeps a value: 0.5 unless given to alexNet, vgg11 and vgg16, 0.8 unless given to
   * googLeNet and mobileNetV2.
   */
  keep?: number
}

/** Of those that come in several widths. */
export interface WidthOptions extends ClassesOptions {
  /** A factor on the channels of every layer; 1 unless given. */
  width?: number
}

/** Of those with batch norm. */
export interface NormOptions extends ClassesOptions {
  /**
   * Options of each batch norm, for weights that others trained: `{ epsilon: 1e-3 }` for those of Keras, and
   * `{ runningVar: 'unbiased' }` to train on as PyTorch does. Those of batchNorm unless given; googLeNet's epsilon is then
   * 0.001, as that of torchvision.
   */
  batchNorm?: BatchNormOptions
}

/** Of mobileNetV1 and mobileNetV2. */
export interface MobileNetOptions extends WidthOptions, NormOptions {
  /**
   * Zeros around the 3 x 3 convolutions: 1 on each side, as PyTorch's have, or 'same', as TensorFlow's and
   * Keras' have, which differs where the stride is 2.
   * 1 unless given.
   */
  pad?: 1 | 'same'
}

/** The options, with the classes. Throws a PlanError on an option that is not in `allowed`. */
export function optionsOf<T extends ClassesOptions>(
  where: string,
  options: T,
  classes: number,
  allowed: readonly string[] = [],
): T & { classes: number } {
  const read = checkOptions(where, options, ['classes', ...allowed])
  return { ...read, classes: integer(where, 'classes', read.classes ?? classes, 1, MAX_SIZE) }
}

/** `channels` times the width, rounded to a multiple of 8 that is at most a tenth less (as MobileNet V2's authors do). */
export function widen(where: string, options: WidthOptions): (channels: number) => number {
  const width = finite(where, 'width', options.width ?? 1, 0.01, 100)
  return (channels) => {
    const wide = channels * width
    const rounded = Math.max(8, Math.floor((wide + 4) / 8) * 8)
    return rounded < 0.9 * wide ? rounded + 8 : rounded
  }
}
