// Layers that join values.

import { type At, type Out, type Writer, emit, moved, same } from '../at'

/** The values with their axes all alike. */
function alike(at: At, values: readonly Out[]): Out[] {
  const isMoved = values.some((one) => one.moved)
  return values.map((one) => (one.shape.length > 1 && isMoved ? moved(at, one) : same(at, one)))
}

const joining =
  (className: string): Writer =>
  (at, ...values) =>
    emit(at, className, {}, alike(at, values), { flat: undefined, positive: values.every(({ positive }) => positive) })

/** Along an axis of ours, the first unless it says another. */
const concat: Writer = (at, ...values) => {
  const [{ shape: of }] = values
  const { axis: told = 0 } = at.config as { axis?: number }
  const own = told < 0 ? told + of.length : told
  const together = alike(at, values)
  if (together.length === 1) return together[0]
  const shape = of.with(
    own,
    values.reduce((sum, one) => sum + one.shape[own], 0),
  )
  const positive = values.every((one) => one.positive)
  // The batch is axis 0 there.
  const axis = !together[0].moved ? own + 1 : own === 0 ? -1 : own
  return emit(at, 'Concatenate', { axis: own === of.length - 1 && !together[0].moved ? -1 : axis }, together, {
    shape,
    flat: undefined,
    positive,
  })
}

export const JOINS: Readonly<Record<string, Writer>> = { add: joining('Add'), multiply: joining('Multiply'), concat }
