// Augmentation: random changes of each image of a batch, in place, in the model's own input.

import type { Tensor } from '../../tensor'
import { PlanError, checkOptions, finite, integer, show } from '../../errors'
import { type Random, createRandom } from '../../random'

/** Where an image is: C planes of H x W values in `data`, one after the other, the first at `at`. */
export interface ImageShape {
  /** C. */
  readonly channels: number
  /** H, in pixels. */
  readonly height: number
  /** W, in pixels. */
  readonly width: number
}

/** Changes the image at data[at] and on, in place. */
export type Change = (data: Float64Array | Float32Array, at: number, random: Random) => void

/** An augmentation is a description: plain data, and how to prepare it for images of one shape. */
export interface Augmentation {
  /** The name of the function that made it. */
  readonly kind: string
  /** What that function was given. */
  readonly config: object
  /** Gets what it needs, such as memory, once for each shape; the change it returns allocates nothing. */
  prepare(shape: ImageShape): Change
}

/** Streams 0 and 1 of a seed are the model's: its parameters, its shuffling. */
const STREAM = 2

/**
 * Does these augmentations to each image of a batch, one after the other, each image with its own random draws. It is
 * the `transform` of fit: it works in place, on the values as the data set has them (bytes from 0 to 255 are the rule:
 * `normalize` as the first layer comes after it).
 *
 *     const transform = augment([randomCrop({ pad: 4 }), horizontalFlip()], { seed: 1 })
 *     await model.fit(data, { epochs: 10, transform })
 *
 * The draws come from a stream of its own, from `seed` (0 unless given), so the same seed gives the same images, bit
 * for bit, on every engine and runtime. The stream goes on from batch to batch: make a new one for a run that is to
 * repeat another. Throws a PlanError for a model whose input is no image, [channels, height, width].
 */
export function augment(
  augmentations: readonly Augmentation[],
  options: { seed?: number } = {},
): (input: Tensor, n: number) => void {
  checkOptions('augment', options, ['seed'])
  if (!Array.isArray(augmentations) || augmentations.some((one) => typeof one?.prepare !== 'function')) {
    throw new PlanError('augment: want a list of augmentations, such as [horizontalFlip(), randomCrop({ pad: 4 })]')
  }
  const list = augmentations.slice()
  const random = createRandom(integer('augment', 'seed', options.seed ?? 0, 0), STREAM)
  let image: ImageShape = { channels: 0, height: 0, width: 0 }
  let changes: Change[] = []
  let size = 0
  return ({ shape, data }, n) => {
    if (shape.length !== 4) {
      const got = shape.slice(1).join(', ')
      throw new PlanError(`augment: want images, an input of [channels, height, width], got [${got}]`)
    }
    if (shape[1] !== image.channels || shape[2] !== image.height || shape[3] !== image.width) {
      const next = { channels: shape[1], height: shape[2], width: shape[3] }
      changes = list.map((one) => one.prepare(next))
      image = next
      size = next.channels * next.height * next.width
    }
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < changes.length; j++) changes[j](data, i * size, random)
    }
  }
}

// ---- for augmentations ----

/** What comes where an image has nothing: one number, or one for each channel. */
export type Fill = number | readonly number[]

/** `fill` as a list of one value or more, 0 unless given. */
export function checkFill(where: string, fill: Fill = 0): readonly number[] {
  const values = Array.isArray(fill) ? (fill as readonly number[]) : [fill as number]
  if (!values.length) throw new PlanError(`${where}: fill must be a number, or one for each channel, got []`)
  return values.map((value) => finite(where, 'fill', value))
}

/** One value for each channel. */
export function fillChannels(where: string, fill: readonly number[], channels: number): Float64Array {
  if (fill.length !== 1 && fill.length !== channels) {
    throw new PlanError(`${where}: fill has ${fill.length} values, but the images have ${channels} channels`)
  }
  return Float64Array.from({ length: channels }, (_, c) => fill[fill.length === 1 ? 0 : c])
}

/** A range [min, max] of finite numbers, each at least `least`. */
export function range(where: string, name: string, value: unknown, least = -Infinity): [number, number] {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new PlanError(`${where}: ${name} must be a range [min, max], got ${show(value)}`)
  }
  const [min, max] = value.map((end) => finite(where, name, end, least))
  if (min > max) throw new PlanError(`${where}: ${name} must be a range [min, max], got ${show(value)}`)
  return [min, max]
}

/** A number from min to max. */
export function between(random: Random, ends: readonly [number, number]): number {
  return ends[0] + (ends[1] - ends[0]) * random.uniform()
}
