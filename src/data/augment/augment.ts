// Augmentation: random changes of each image of a batch, in place, in the model's own input.

import type { Tensor } from '../../tensor'
import {
  DataError,
  PlanError,
  callable,
  checkArguments,
  checkOptions,
  count,
  finite,
  integer,
  isObject,
  quote,
  readSafely,
  show,
} from '../../errors'
import { type Random, createDraws } from '../../random'

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

/** How `augment` draws, and what it changes. */
export interface AugmentOptions<In extends string = never> {
  /** Of its draws; 0 unless given. */
  seed?: number
  /** The input of a graph that it changes; there is none to name where the network has one. */
  input?: In
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
 * In a graph of several inputs it changes the one that `input` names, and leaves the others:
 *
 *     const transform = augment([horizontalFlip()], { input: 'image' })
 *
 * The draws are a function of `seed` and of the number of the training pass, which fit hands in (by
 * hand: of the number of calls before, unless given), so the same seed gives the same images, bit for bit, on every
 * engine and runtime, and a run that goes on draws as one that was never stopped. Throws a PlanError for a model whose
 * input is no image, [channels, height, width].
 */
export function augment<In extends string>(
  augmentations: readonly Augmentation[],
  options: AugmentOptions<In> & { input: In },
): (inputs: Readonly<Record<In, Tensor>>, n: number, pass?: number) => void
export function augment(
  augmentations: readonly Augmentation[],
  options?: AugmentOptions,
): (input: Tensor, n: number, pass?: number) => void
export function augment(
  augmentations: readonly Augmentation[],
  options: AugmentOptions<string> = {},
): (input: any, n: number, pass?: number) => void {
  const where = 'augment'
  checkArguments(where, arguments, 2, 'the augmentations go into one list')
  const { seed, input: name } = checkOptions(where, options, ['seed', 'input'])
  if (name !== undefined && typeof name !== 'string') {
    throw new PlanError(`${where}: input must be the name of an input of a graph, got ${show(name)}`)
  }
  const list = readSafely(where, 'the augmentations', () => {
    const all = Array.isArray(augmentations) ? Array.from(augmentations as (Augmentation | null | undefined)[]) : [null]
    return all.map((one) => {
      if (typeof one?.prepare === 'function') {
        callable(where, 'prepare', one.prepare, 'a function (shape) => change')
        return one
      }
      throw new PlanError(`${where}: want a list of augmentations, such as [horizontalFlip(), randomCrop({ pad: 4 })]`)
    })
  })
  const random = createDraws(integer(where, 'seed', seed ?? 0, 0), STREAM)
  let calls = 0
  let image: ImageShape = { channels: 0, height: 0, width: 0 }
  let changes: Change[] = []
  let size = 0
  return (input, n, pass = calls) => {
    const { shape, data } = checkImages(name === undefined ? input : inputNamed(input, name))
    if (shape[1] !== image.channels || shape[2] !== image.height || shape[3] !== image.width) {
      const next = { channels: shape[1], height: shape[2], width: shape[3] }
      changes = list.map((one) => {
        const name = `prepare of ${quote(one.kind)}`
        return callable(where, name, one.prepare(next), 'a function that gives a function (data, at, random)')
      })
      image = next
      size = next.channels * next.height * next.width
    }
    if (!(Number.isInteger(n) && n >= 0 && n * size <= data.length)) {
      throw new DataError(
        `${where}: the input has ${count(data.length / size, 'image')}, got ${show(n)} for their number`,
      )
    }
    random.begin(integer(where, 'the number of the pass', pass, 0, 4294967295))
    calls = pass + 1
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < changes.length; j++) changes[j](data, i * size, random)
    }
  }
}

function inputNamed(inputs: unknown, name: string): unknown {
  if (isObject(inputs) && Object.hasOwn(inputs, name)) return (inputs as Record<string, unknown>)[name]
  throw new PlanError(`augment: the model has no input ${quote(name)}; input is for graphs of several`)
}

/** The input of a model, if it is images; else a PlanError. Allocates nothing: it is called in each step. */
function checkImages(input: unknown): Tensor {
  if (!isTensor(input)) throw new PlanError(`augment: want the input of a model, { shape, data }, got ${show(input)}`)
  const { shape } = input
  if (shape.length === 4 && shape[1] >= 1 && shape[2] >= 1 && shape[3] >= 1) return input
  throw new PlanError(`augment: want images, an input of [channels, height, width], got ${show(shape.slice(1))}`)
}

function isTensor(value: unknown): value is Tensor {
  try {
    const { shape, data } = value as Partial<Tensor>
    return Array.isArray(shape) && ArrayBuffer.isView(data) && data.length >= 0
  } catch {
    return false
  }
}

// ---- for augmentations ----

/** The greatest number of float32, as it is in both precisions: what is filled in must be finite. */
const MAX_VALUE = 2 ** 128 - 2 ** 104

/** What comes where an image has nothing: one number, or one for each channel. */
export type Fill = number | readonly number[]

/** `fill` as a list of one value or more, 0 unless given. */
export function checkFill(where: string, fill: Fill = 0): readonly number[] {
  return readSafely(where, 'fill', () => {
    const values = Array.isArray(fill) ? Array.from(fill as readonly number[]) : [fill as number]
    if (!values.length) throw new PlanError(`${where}: fill must be a number, or one for each channel, got []`)
    return values.map((value) => finite(where, 'fill', value, -MAX_VALUE, MAX_VALUE))
  })
}

/** One value for each channel. */
export function fillChannels(where: string, fill: readonly number[], channels: number): Float64Array {
  if (fill.length !== 1 && fill.length !== channels) {
    throw new PlanError(`${where}: fill has ${fill.length} values, but the images have ${channels} channels`)
  }
  return Float64Array.from({ length: channels }, (_, c) => fill[fill.length === 1 ? 0 : c])
}

/** `value` if it is a number of at least `least`, and not beyond `most`, which no one needs; else a PlanError. */
export function within(where: string, name: string, value: unknown, least: number, most: number): number {
  return finite(where, name, finite(where, name, value, least), least, most)
}

/** A range [min, max] of numbers from `least` to `most`. */
export function range(where: string, name: string, value: unknown, least: number, most: number): [number, number] {
  const ends = readSafely(where, name, () => (Array.isArray(value) ? Array.from(value as unknown[]) : []))
  const [min, max] = ends.length === 2 ? ends.map((end) => within(where, name, end, least, most)) : [1, 0]
  if (min > max) throw new PlanError(`${where}: ${name} must be a range [min, max], got ${show(value)}`)
  return [min, max]
}

/** A number from min to max. */
export function between(random: Random, ends: readonly [number, number]): number {
  return ends[0] + (ends[1] - ends[0]) * random.uniform()
}
