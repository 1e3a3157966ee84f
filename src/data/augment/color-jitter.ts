// Brightness, contrast, saturation and hue, as torchvision's ColorJitter defines them on images of floats.

import { PlanError, checkArguments, checkOptions, finite, show } from '../../errors'
import { type Augmentation, type Change, between, range, within } from './augment'

/** A number b stands for a range: of factors [1 - b, 1 + b], not below 0; of hue [-b, b]. */
export type Amount = number | readonly [number, number]

/** How much of what is changed at most. */
export interface ColorJitterOptions {
  /** Factor of all values: 0 is black. */
  brightness?: Amount
  /** Factor of the distance from the image's mean gray: 0 is that gray all over. */
  contrast?: Amount
  /** Factor of the distance from each pixel's gray: 0 is a gray image. For images of 3 channels. */
  saturation?: Amount
  /** A turn of the hue, in parts of the whole circle, from -0.5 to 0.5. For images of 3 channels, RGB. */
  hue?: Amount
  /** The value of white: 255 unless given, as bytes have it, or 1. Results are cut off there and at 0. */
  max?: number
}

/**
 * Changes brightness, contrast, saturation and hue by random amounts, in a random order. Those left out stay as they
 * are. Values must be from 0 to `max`: use it on raw data, before `normalize`. An image of one channel is gray: it has
 * brightness and contrast only.
 *
 *     colorJitter({ brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.05 })
 */
export function colorJitter(options: ColorJitterOptions): Augmentation {
  checkArguments('colorJitter', arguments, 1)
  const read = checkOptions('colorJitter', options, ['brightness', 'contrast', 'saturation', 'hue', 'max'])
  const max = finite('colorJitter', 'max', read.max ?? 255, -Infinity, MAX_WHITE)
  if (max <= 0) throw new PlanError(`colorJitter: max must be above 0, got ${max}`)
  const ranges = {
    brightness: factors('brightness', read.brightness),
    contrast: factors('contrast', read.contrast),
    saturation: factors('saturation', read.saturation),
    hue: hues(read.hue),
  }
  return {
    kind: 'colorJitter',
    config: { ...ranges, max },
    prepare({ channels, height, width }) {
      const size = height * width
      if (channels !== 1 && channels !== 3) {
        throw new PlanError(`colorJitter: want images of 1 or 3 channels, got ${channels}`)
      }
      for (const name of ['saturation', 'hue'] as const) {
        if (channels === 1 && ranges[name]) {
          throw new PlanError(`colorJitter: an image of 1 channel has no ${name}; leave that option out`)
        }
      }
      const changes: Change[] = []
      const { brightness, contrast, saturation, hue } = ranges
      if (brightness) {
        changes.push((data, at, random) => {
          scale(data, at, channels * size, between(random, brightness), 0, max)
        })
      }
      if (contrast) {
        changes.push((data, at, random) => {
          let sum = 0
          for (let i = at; i < at + size; i++) sum += channels === 1 ? data[i] : gray(data, i, size)
          const factor = between(random, contrast)
          scale(data, at, channels * size, factor, (1 - factor) * (sum / size), max)
        })
      }
      if (saturation) {
        changes.push((data, at, random) => {
          const factor = between(random, saturation)
          for (let i = at; i < at + size; i++) {
            const rest = (1 - factor) * gray(data, i, size)
            for (let c = i; c < i + 3 * size; c += size) data[c] = clamp(factor * data[c] + rest, max)
          }
        })
      }
      if (hue) {
        changes.push((data, at, random) => {
          turnHue(data, at, size, between(random, hue), max)
        })
      }
      const order = Uint8Array.from(changes, (_, i) => i)
      return (data, at, random) => {
        // From the same order each time: what is drawn depends on nothing drawn before.
        for (let i = 0; i < order.length; i++) order[i] = i
        random.shuffle(order)
        for (let i = 0; i < order.length; i++) changes[order[i]](data, at, random)
      }
    },
  }
}

type Values = Float64Array | Float32Array

function clamp(value: number, max: number): number {
  return value < 0 ? 0 : value > max ? max : value
}

function scale(data: Values, at: number, count: number, factor: number, offset: number, max: number): void {
  for (let i = at; i < at + count; i++) data[i] = clamp(factor * data[i] + offset, max)
}

/** The luma of ITU-R BT.601, with torchvision's digits. */
function gray(data: Values, i: number, size: number): number {
  return 0.2989 * data[i] + 0.587 * data[i + size] + 0.114 * data[i + 2 * size]
}

/**
 * RGB to HSV, hue + turn, and back (Smith, 1978). The value, the largest of the three, and the least one stay: only
 * which channel has them, and the one between, change.
 */
function turnHue(data: Values, at: number, size: number, turn: number, max: number): void {
  for (let i = at; i < at + size; i++) {
    const r = clamp(data[i], max)
    const g = clamp(data[i + size], max)
    const b = clamp(data[i + 2 * size], max)
    const value = Math.max(r, g, b)
    const range = value - Math.min(r, g, b)
    // In sixths of the circle, from red.
    let hue = 0
    if (range > 0) {
      if (value === r) hue = (g - b) / range
      else if (value === g) hue = 2 + (b - r) / range
      else hue = 4 + (r - g) / range
    }
    hue += 6 * turn
    data[i] = channel(hue + 5, value, range)
    data[i + size] = channel(hue + 3, value, range)
    data[i + 2 * size] = channel(hue + 1, value, range)
  }
}

/** One channel of a colour: it is largest for two sixths of the circle, falls for one, is least for two, and rises. */
function channel(place: number, value: number, range: number): number {
  const k = place - 6 * Math.floor(place / 6)
  return value - range * Math.max(0, Math.min(k, 4 - k, 1))
}

/** A factor of more makes everything white, and times MAX_WHITE it must stay finite in float32. */
const MAX_FACTOR = 1e6
const MAX_WHITE = 1e9

function factors(name: string, amount: Amount | undefined): [number, number] | undefined {
  if (amount === undefined) return undefined
  if (typeof amount !== 'number') return range('colorJitter', name, amount, 0, MAX_FACTOR)
  within('colorJitter', name, amount, 0, MAX_FACTOR)
  return [Math.max(0, 1 - amount), 1 + amount]
}

function hues(amount: Amount | undefined): [number, number] | undefined {
  if (amount === undefined) return undefined
  const [min, max] = range('colorJitter', 'hue', typeof amount === 'number' ? [-amount, amount] : amount, -1, 1)
  if (min >= -0.5 && max <= 0.5) return [min, max]
  throw new PlanError(`colorJitter: hue must be from -0.5 to 0.5, got ${show(amount)}`)
}
