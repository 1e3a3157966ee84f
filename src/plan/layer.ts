// What layers and losses are: descriptions, plain data, that know how to plan themselves.

import type { Plan } from './plan'
import type { Place, Value } from './value'

/** What comes after a layer, for its first weights: a ReLU or the like, something else, or the end of the network. */
export type Ahead = 'relu' | 'other' | 'end'

/** A layer is a description: plain data, and how to plan it. */
export interface Layer {
  /** The name of the function that made it. */
  readonly kind: string
  /** What that function was given, as JSON has it. */
  readonly config: object
  /**
   * How weights before this layer are initialised unless told: 'he', for activations that pass about half of what they
   * get; 'next', as the layer after it says, for layers that keep the scale. Else, and by default, by Xavier.
   */
  readonly initBefore?: 'he' | 'next'
  /** The layers that it is made of, by name. */
  readonly children?: readonly (readonly [name: string, layer: Layer])[]
  /**
   * Reserves what the layer needs on its input x, records its calls, and returns its output. Throws a PlanError if x
   * does not fit.
   */
  plan(x: Value, plan: Plan): Value
}

/** A planned loss. */
export interface LossPlan {
  /**
   * 'labels': one class index for each example; 'values': as many numbers as the output has; 'probabilities': the same,
   * from 0 to 1.
   */
  readonly targets: 'labels' | 'values' | 'probabilities'
  /** Where the targets lie: i32 labels, or values of the model's dtype. */
  readonly target: Place
}

/** A loss is a description, as a layer is: plain data, and how to plan it. */
export interface Loss {
  /** The name of the function that made it. */
  readonly kind: string
  /** What that function was given. */
  readonly config: object
  /** How scores become probabilities, for losses whose scores are of such a kind. None unless given. */
  readonly probabilities?: 'softmax' | 'sigmoid'
  /** Plans it on x, the output of the network: records one call with plan.loss. */
  plan(x: Value, plan: Plan): LossPlan
}

/** A line of the summary. */
export interface Row {
  /** The name of the layer in the model, such as features.0. */
  readonly path: string
  /** The function that made it; '+ relu' where the layer before does its work as well. */
  readonly kind: string
  /** Of its output, for one example. */
  readonly shape: readonly number[]
  /** How many values it learns or, frozen, has learnt. */
  readonly parameters: number
  /** Multiplications and additions of the forward pass for one example, counted apart. */
  readonly flops: number
}
