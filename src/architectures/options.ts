// What the options of architectures share.

import { MAX_SIZE, checkOptions, finite, integer } from '../errors'

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
