// Shapes that mean something else than what a layer takes them for: in errors, with the cure, and, where a shape works
// but was probably meant otherwise, in a note.

import { few, note } from '../errors'
import type { Plan } from '../plan/plan'
import type { Value } from '../plan/value'
import { along, checkAxis } from './axes'
import { type Border, textOf } from './pads'

/** [C, H, W], or a PlanError where the input is no image. */
export function imageShape(x: Value, plan: Plan): readonly number[] {
  const { shape } = x
  if (shape.length !== 3) {
    throw plan.error(`wants images (C, H, W), got an input of shape (${few(shape)})${imageHint(shape, plan)}`)
  }
  const [h, w, c] = shape
  // Images of one or two channels are less sure to be such: only square ones.
  if (isChannelsLast(shape) && (h === w || c > 2) && isInput(shape, plan)) {
    note(
      `an input of [${few(shape)}] is taken for ${h} channels of ${w} x ${c}; if the channels come last, put them first, ` +
        `in the data too: input [${few(channelsFirst(shape))}]`,
    )
  }
  return shape
}

/** The channels or features of an input, which come first; a PlanError where nobody can tell which dimension they are. */
export function channelsOf({ shape }: Value, plan: Plan, cure = ''): number {
  if (shape.length !== 2) return shape[0]
  const [a, b] = shape
  throw plan.error(
    `got an input of shape (${a}, ${b}), of which either may be channels; ${cure}give it as [C, 1, L], so ` +
      `[${a}, 1, ${b}] or, turned round, [${b}, 1, ${a}], or put flatten() before it to make it features`,
  )
}

/** The channels along the axis that a layer was told, or else first; and how many numbers lie before and behind them. */
export function channelsAlong(x: Value, plan: Plan, axis: number | undefined) {
  if (axis !== undefined) {
    const { at, outer, size, inner } = along(x, plan, axis)
    return { at, rows: outer, c: size, hw: inner }
  }
  const cure = 'say which, { axis: 0 } for (C, T), as conv1d has it, or { axis: 1 } for (T, D); or '
  const c = channelsOf(x, plan, cure)
  return { at: 0, rows: 1, c, hw: x.size / c }
}

/** As it is written down: only where it was given. */
export function axisOf(where: string, axis: unknown): { axis?: number } {
  return axis === undefined ? {} : { axis: checkAxis(where, axis) }
}

/** For an error about an image: if the channels of the input seem to come last, or if it seems to have one dimension. */
export function windowHint({ shape: [, h, w] }: Value, plan: Plan, kh = 1, kw = 1): string {
  const [{ shape }] = plan.inputs
  if (isChannelsLast(shape)) {
    return `; the input (${few(shape)}) looks like (H, W, C): channels come first, [${few(channelsFirst(shape))}]`
  }
  const kernel = h === 1 && kh > 1 ? [1, kw] : w === 1 && kw > 1 ? [kh, 1] : undefined
  return kernel ? `; for data of one dimension take a kernel of [${few(kernel)}]` : ''
}

function imageHint(shape: readonly number[], plan: Plan): string {
  const { length } = shape
  if (!isInput(shape, plan)) return length === 1 ? '; put it before flatten() and dense layers' : ''
  const [a, b] = shape
  const images = (channels: string, c: number, h: number, w: number) =>
    `; images of ${channels} have an input of [${c}, ${h}, ${w}]`
  const long = 'with kernels such as [1, 7]'
  if (length === 1) {
    const side = Math.sqrt(a)
    const color = Math.sqrt(a / 3)
    if (Number.isInteger(side) && a > 1) return images('one channel', 1, side, side)
    if (Number.isInteger(color) && a > 3) return images('three channels', 3, color, color)
    return `; ${a} values in a row are an input of [1, 1, ${a}], ${long}`
  }
  if (length === 2) return `${images('one channel', 1, a, b)}, ${a} channels of one dimension [${a}, 1, ${b}], ${long}`
  return length === 4 ? `; input is the shape of one example, without the batch: [${few(shape.slice(1))}]` : ''
}

/** Whether a shape looks like (H, W, C), or (L, 1, C): a last dimension as small as colors, and others that are not. */
function isChannelsLast({ length, 0: h, 1: w, 2: c }: readonly number[]): boolean {
  return length === 3 && c <= 4 && h > 4 && (w > 4 || (w === 1 && c > 1))
}

/** What it is to be then; of one dimension [C, 1, L]. */
function channelsFirst([h, w, c]: readonly number[]): readonly number[] {
  return w === 1 ? [c, w, h] : [c, h, w]
}

/** Whether it is the shape that the user gave as that of the input. */
function isInput(shape: readonly number[], plan: Plan): boolean {
  return plan.inputs.some((input) => shape.join() === input.shape.join())
}

/** Throws a PlanError where windows do not fit into the image that they are to slide over. */
export function checkFit(
  x: Value,
  plan: Plan,
  [oh, ow]: readonly [number, number],
  [kh, kw]: readonly [number, number],
  pad: Border,
  more = '',
): void {
  if (oh >= 1 && ow >= 1) return
  const [, h, w] = x.shape
  const hint = windowHint(x, plan, kh, kw)
  throw plan.error(`kernel ${kh}x${kw}${more} does not fit a ${h}x${w} input with pad ${textOf(pad)}${hint}`)
}

/**
 * The stride that kernels are told, of windows on a side of `size`, pads included: one that leaves it at once gives a
 * single window however large it is, but the scratch grows with its square.
 */
export function strideWithin(stride: number, size: number): number {
  // 1 may mean another algorithm, of other bits.
  return Math.min(stride, Math.max(size, 2))
}

/** A pair as people write it: one number where both are alike. */
export function one([vertical, horizontal]: readonly [number, number]): string {
  return vertical === horizontal ? String(vertical) : `${vertical}x${horizontal}`
}
