// Parts of the parameters that are trained in ways of their own: each gets an update of the optimizer, with its own rate.

import type { Optimizer, Parameters } from '../optimizers/optimizer'

/** How a part of the network is trained. */
export interface Group {
  /** What its learning rate is multiplied by. 1 unless given; at 0 its parameters stay as they are. */
  learningRate?: number
  /** The weight decay of its weights in the place of the optimizer's, for adamW. That of the optimizer unless given. */
  weightDecay?: number
  /** Whether it is not trained at all, as the layers that `frozen` names. None unless given: as the layer around it. */
  frozen?: boolean
}

/** A group, and whether a parameter or a layer of that name is of it. */
export interface Rule extends Group {
  readonly pattern: string
  matches(name: string): boolean
}

/** Parameters, one behind the other, that are treated alike. */
export interface Stretch {
  /** The first of them, and how many there are, in values. */
  readonly first: number
  count: number
  /** What the learning rate is multiplied by; 0 where they are not trained. */
  readonly factor: number
  /** In the place of that of the optimizer, if there is one. */
  readonly weightDecay: number | undefined
  /** Whether weight decay applies to them. */
  readonly decays: boolean
}

/** Such parameters as the optimizer sees them. */
export interface Part {
  readonly factor: number
  readonly vector: Parameters
}

/** The parts of all parameters. */
export function partsOfVector(vector: Parameters, stretches: readonly Stretch[], bytes: number): readonly Part[] {
  return stretches.map(({ first, count, factor, weightDecay, decays }) => {
    const skip = first * bytes
    const { x, dx, slots } = vector
    const moved = { x: x + skip, dx: dx + skip, slots: slots.map((slot) => slot + skip) }
    return { factor, vector: { ...vector, ...moved, count, decayed: decays ? count : 0, weightDecay } }
  })
}

/** A step of the optimizer, part by part where there are some. */
export function update(
  optimizer: Optimizer,
  vector: Parameters,
  parts: readonly Part[] | undefined,
  rate: number,
  t: number,
) {
  if (!parts) return optimizer.update?.(vector, rate, t)
  // Where nothing is learnt nothing is done either: no step, however small, and no decay.
  for (let i = 0; i < parts.length; i++) {
    const { factor, vector: part } = parts[i]
    if (factor) optimizer.update?.(part, rate * factor, t)
  }
}
