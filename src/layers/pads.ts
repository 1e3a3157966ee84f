// Zeros around images, at each side as many as one likes.

import { MAX_SIZE, checkOptions, integer, isPlain, pair, readSafely } from '../errors'
import { ceilDivide } from '../kernels/blocking'
import { times } from '../plan/calls'
import type { Plan } from '../plan/plan'
import type { Value } from '../plan/value'

/** How many zeros there are at each side of an image; 0 unless given. */
export interface Sides {
  /** Above the first row. 0 unless given. */
  top?: number
  /** Before the first column. 0 unless given. */
  left?: number
  /** Below the last row. 0 unless given. */
  bottom?: number
  /** Behind the last column. 0 unless given. */
  right?: number
}

/**
 * Zeros around an image: one number, or [vertical, horizontal], on both sides; sides by name; or 'same', as TensorFlow
 * has it: so many that there are size / stride windows, rounded up, half of them before and, where that is odd, one more
 * behind.
 */
export type Pad2d = number | readonly [number, number] | 'same' | Sides

/** As a layer keeps it, and as JSON has it. */
export type CheckedPad = [number, number] | 'same' | Required<Sides>

/** Zeros at the top, on the left, at the bottom, on the right. */
export type Border = readonly [top: number, left: number, bottom: number, right: number]

const SIDES = ['top', 'left', 'bottom', 'right'] as const

/** Throws a PlanError unless it is a pad. */
export function checkPad(where: string, pad: Pad2d): CheckedPad {
  return readSafely(where, 'pad', () => {
    if (pad === 'same') return pad
    if (!isPlain(pad)) return pair(where, 'pad', pad, 0)
    const given = checkOptions(`${where}: pad`, pad as Sides, SIDES)
    const side = (name: string, value: number) => integer(where, `pad.${name}`, value, 0, MAX_SIZE)
    return {
      top: side('top', given.top ?? 0),
      left: side('left', given.left ?? 0),
      bottom: side('bottom', given.bottom ?? 0),
      right: side('right', given.right ?? 0),
    }
  })
}

/** How windows lie along both axes. */
interface Window {
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly dilation: readonly [number, number]
}

/** Windows of single values: for zeros that do not depend on them. */
export const WHOLE: Window = { kernel: [1, 1], stride: [1, 1], dilation: [1, 1] }

/** The zeros at each side of an image of size [h, w]. */
export function borderOf(pad: CheckedPad, size: readonly number[], { kernel, stride, dilation }: Window): Border {
  if (Array.isArray(pad)) return [...pad, ...pad]
  if (pad !== 'same') return SIDES.map((side) => pad[side]) as unknown as Border
  const [rows, columns] = size.map((all, axis) => {
    const last = (ceilDivide(all, stride[axis]) - 1) * stride[axis]
    return Math.max(last + (kernel[axis] - 1) * dilation[axis] + 1 - all, 0)
  })
  const [top, left] = [Math.floor(rows / 2), Math.floor(columns / 2)]
  return [top, left, rows - top, columns - left]
}

/** As errors have it. */
export function textOf([top, left, bottom, right]: Border): string {
  if (top !== bottom || left !== right) return `[${[top, left, bottom, right].join(', ')}] (top, left, bottom, right)`
  return top === left ? String(top) : `${top}x${left}`
}

/** Images without their first rows and columns, as many as `border` says; see padded, of which this is the other way. */
export function cropped(
  x: Value,
  plan: Plan,
  [top, left]: readonly number[],
): { readonly image: Value; readonly back: () => void } {
  if (!top && !left) return { image: x, back: () => {} }
  const [c, h, w] = x.shape
  const image = plan.value([c, h - top, w - left])
  const sizes = [times(c), h - top, w - left, top, left, 0, 0]
  plan.forward('cropPlanes', { sizes, reads: [x], writes: [image] })
  return {
    image,
    back: () => plan.backward('padPlanes', { sizes, reads: [image.gradient], writes: [x.gradient] }),
  }
}

/**
 * Images (C, H, W) with zeros around them; the same where there are none. `back` records the calls that give the gradient
 * of x, and is to be called when those that give the gradient of the image have been recorded.
 */
export function padded(x: Value, plan: Plan, border: Border): { readonly image: Value; readonly back: () => void } {
  if (!border.some(Boolean)) return { image: x, back: () => {} }
  const [c, h, w] = x.shape
  const [top, left, bottom, right] = border
  const image = plan.value([c, top + h + bottom, left + w + right])
  const sizes = [times(c), h, w, ...border]
  plan.forward('padPlanes', { sizes, reads: [x], writes: [image] })
  return {
    image,
    back: () => plan.backward('cropPlanes', { sizes, reads: [image.gradient], writes: [x.gradient] }),
  }
}
