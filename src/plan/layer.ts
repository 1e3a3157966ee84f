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
  /** How they are connected; one after the other unless given. */
  readonly wiring?: Wiring
  /**
   * Whether what stands at step t of its output comes from other steps of its input than t: then the lengths of sequences
   * say nothing of what it gives. None unless given: steps stay where they are.
   */
  readonly movesSteps?: boolean
  /** How many inputs it takes, at least and at most, for layers that join values of a graph; 1 unless given. */
  readonly inputs?: readonly [least: number, most: number]
  /**
   * Reserves what the layer needs on its input x, and on the `others` if it takes several, records its calls, and returns
   * its output. Throws a PlanError if they do not fit.
   */
  plan(x: Value, plan: Plan, ...others: readonly Value[]): Value
}

/** How the layers of a graph are connected. A value is called by its id: that of an input, or of the use that gives it. */
export interface Wiring {
  /** Ids of the inputs, in the order in which the graph takes them. */
  readonly inputs: readonly string[]
  /** Each behind those that it reads. A child that is used again shares its weights. */
  readonly uses: readonly {
    /** Of what it gives. */
    readonly id: string
    /** Its place among the children. */
    readonly child: number
    /** Ids of what it reads. */
    readonly of: readonly string[]
  }[]
  /** Ids of what the graph gives. */
  readonly outputs: readonly string[]
}

/**
 * A network with several inputs or outputs, each with a name; made by graph. `never` stands for the one input, or the
 * one output, of a network where it needs no name.
 */
export interface Network<In extends string = never, Out extends string = never> extends Omit<Layer, 'plan'> {
  /** How createModel, and all that a model does, calls them. */
  readonly names: {
    /** In their order. */
    readonly inputs: readonly In[]
    /** In their order. */
    readonly outputs: readonly Out[]
  }
  /** As of a layer; gives as many values as there are outputs. */
  plan(x: Value, plan: Plan, ...others: readonly Value[]): readonly Value[]
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
  /** The shape of the targets of one example, where they are values; that of the output unless given. */
  readonly shape?: readonly number[]
  /**
   * How many parts an example has that count each for itself, such as the T positions of an output [T, K], each with a
   * label, or a row of values, of its own. 1 unless given.
   */
  readonly positions?: number
  /** The label of positions that do not count. None unless given. */
  readonly ignoreIndex?: number | undefined
  /** Those of `plan.lengths`, where the positions beyond them do not count. None unless given. */
  readonly lengths?: Place | undefined
  /**
   * For a loss that is computed by a function over the whole batch: where it reads what each position weighs, values of
   * the model's dtype, 1 unless the data say otherwise. All other losses know nothing of that: a batch of which not all
   * counts alike is run in pieces of one weight. None unless given.
   */
  readonly weights?: Place
}

/** A loss is a description, as a layer is: plain data, and how to plan it. */
export interface Loss {
  /** The name of the function that made it. */
  readonly kind: string
  /** What that function was given. */
  readonly config: object
  /** How scores become probabilities, for losses whose scores are of such a kind. None unless given. */
  readonly probabilities?: 'softmax' | 'sigmoid'
  /** What the loss and its gradients are multiplied by; 1 unless given. Its call divides by WEIGHT, which knows of it. */
  readonly weight?: number
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
