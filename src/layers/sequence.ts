// Windows that slide along sequences (N, C, T): those of images of height 1.

import { MAX_WINDOW, PlanError, few, integer, note, show } from '../errors'
import type { Plan } from '../plan/plan'
import type { Value } from '../plan/value'
import type { CheckedPad } from './pads'

/** Sequences [C, T] as images [C, 1, T], or a PlanError where they are none. */
export function asImages(x: Value, plan: Plan): Value {
  const { shape } = x
  const [c, t] = shape
  if (shape.length === 2 && plan.inputs.includes(x) && t <= 12 && c >= 4 * t) {
    note(
      `an input of [${c}, ${t}] is taken for ${c} channels of ${t} steps; if the channels come last, put them first, in ` +
        `the data too: input [${t}, ${c}]`,
    )
  }
  if (shape.length === 2) return plan.reshaped(x, [c, 1, t])
  const hint = shape.length === 1 ? `; one channel of ${shape[0]} steps has an input of [1, ${shape[0]}]` : ''
  throw plan.error(`wants sequences (C, T), channels first, got an input of shape (${few(shape)})${hint}`)
}

/** Images [C, 1, T] as sequences. */
export function asSequences(y: Value, plan: Plan): Value {
  const [c, , t] = y.shape
  return plan.reshaped(y, [c, t])
}

/** One number of a window, from `least` on. */
export function along(where: string, name: string, value: unknown, least: number): number {
  return integer(where, name, value, least, MAX_WINDOW)
}

/** Zeros at both ends of a sequence; 'same' or 'causal': see conv1d. */
export type Pad1d = number | 'same' | 'causal'

/** Throws a PlanError unless it is one. */
export function checkPad1d(where: string, pad: unknown): Pad1d {
  if (pad === 'same' || pad === 'causal') return pad
  if (typeof pad === 'number') return along(where, 'pad', pad, 0)
  throw new PlanError(`${where}: pad must be an integer, 'same' or 'causal', got ${show(pad)}`)
}

/** As images of height 1 have it. */
export function imagePad(pad: Pad1d, kernel: number, dilation: number): CheckedPad {
  if (pad === 'same') return pad
  return pad === 'causal' ? { top: 0, left: (kernel - 1) * dilation, bottom: 0, right: 0 } : [0, pad]
}
