// States of a model's weights that were put aside: a snapshot, or an average over a run.

import type { Data, Inputs } from '../data/batches'
import type { ByName, Tensors } from '../data/named'
import { PlanError, callable, checkArguments, checkOptions, finite, readSafely } from '../errors'
import { type AnyModel, coreOf } from '../model/core-of'
import type { Model } from '../model/model'
import type { Loss } from '../plan/layer'
import type { DType, Floats } from '../tensor'
import type { EvaluateOptions, Evaluation } from '../training/evaluate'
import { type Batches, isStream } from '../data/stream'
import { liveWeights } from '../training/state'
import { settle } from '../training/step'

/** A state of a model's weights that was put aside. */
export interface Weights<In extends string = never, Out extends string = never> {
  /** Of the model. */
  readonly loss?: ByName<Out, Loss> | undefined
  /**
   * As Model.predict, with these weights instead of the model's own, which come back after it; `probabilities`, false
   * unless given, through softmax or the sigmoid.
   */
  predict(x: Inputs<In>, options?: { probabilities?: boolean }): Tensors<Out>
  /**
   * As Model.evaluate, with these weights. Not of batches that come with time: meanwhile others would meet a model with
   * these weights. For them swap, await the model's own evaluate, and swap back.
   */
  evaluate(data: Data<In, Out> | Batches<In, Out>, options?: EvaluateOptions<In>): Evaluation<Out>
  /** Exchanges these weights with those of the model; a second call brings everything back. Allocates nothing. */
  swap(): void
}

/**
 * The parameters and buffers of a model as they are now. One run with a cyclic learning rate,
 * `cosineDecay({ initial, cycles })`, gives an ensemble of snapshots, one at the end of each cycle (Huang et al.,
 * "Snapshot Ensembles", 2017):
 *
 *     const members: Weights[] = []
 *     // 12 epochs of cosineDecay({ initial: 0.1, cycles: 3 }): a cycle takes 4.
 *     await model.fit(data, {
 *       epochs: 12,
 *       onEpoch({ epoch }) {
 *         if (epoch % 4 === 3) members.push(snapshot(model))
 *       },
 *     })
 *     ensemble(members).evaluate(test)
 */
export function snapshot<In extends string = never, Out extends string = never>(
  model: Model<never, DType, In, Out>,
): Weights<In, Out> {
  checkArguments('snapshot', arguments, 1)
  const live = settledWeights('snapshot', model)
  return putAside(
    model,
    live,
    live.map((data) => data.slice()),
  )
}

function settledWeights(where: string, model: AnyModel): readonly Floats[] {
  const core = coreOf(where, model)
  settle(where, core)
  return liveWeights(core)
}

function putAside<In extends string, Out extends string>(
  model: Model<never, DType, In, Out>,
  live: readonly Floats[],
  kept: readonly Floats[],
): Weights<In, Out> {
  // Not `arguments`, which would be made anew in each call.
  const swap = (surplus?: unknown) => {
    if (surplus !== undefined) checkArguments('swap', [surplus], 0)
    const core = coreOf('swap', model)
    // Never in the middle of a step, in which fit may pause.
    settle('swap', core)
    // The values between the layers are those of other weights, of which no backward pass may go on.
    core.rows = 0
    for (let i = 0; i < live.length; i++) {
      const a = live[i]
      const b = kept[i]
      for (let j = 0; j < a.length; j++) {
        const value = a[j]
        a[j] = b[j]
        b[j] = value
      }
    }
  }
  const swapped = <T>(action: () => T): T => {
    swap()
    try {
      return action()
    } finally {
      swap()
    }
  }
  return {
    swap,
    loss: model.loss,
    predict(x, options) {
      checkArguments('predict', arguments, 2)
      return swapped(() => model.predict(x, options))
    },
    evaluate(data, options) {
      checkArguments('evaluate', arguments, 2, 'hand in evaluate({ x, y }, options)')
      const batches = withoutWaiting(data as Data | Batches) as Data<In, Out> | Batches<In, Out>
      // Which says so, if there is no loss.
      return swapped(() => (model as Model<'loss', DType, In, Out>).evaluate(batches, options))
    },
  }
}

/** Throws a PlanError where batches come with time: the weights are there for as long as a call lasts. */
function withoutWaiting(data: Data | Batches): Data | Batches {
  if (typeof data === 'function') {
    const make = callable('evaluate', 'data', data, 'a function that gives batches')
    return (epoch) => withoutWaiting(make(epoch)) as Iterable<Data>
  }
  if (isStream(data) && readSafely('evaluate', 'data', () => Symbol.asyncIterator in data)) {
    throw new PlanError(
      'evaluate: weights that were put aside cannot wait for batches; swap(), await model.evaluate(batches), swap()',
    )
  }
  return data
}

export interface AveragedWeights<In extends string = never, Out extends string = never> extends Weights<In, Out> {
  /** Takes the model's weights, as they are now, into the average. Allocates nothing. */
  update(): void
}

/**
 * A running average of a model's parameters and buffers, which is often better than where the last step ended. After
 * the t-th update, average += (1 - d) (weights - average) with d = min(decay, (t - 1) / t) and `decay`, 0.999 unless
 * given: the plain mean of all updates until that would weigh the latest by less than 1 - decay, then an exponential
 * moving average. `decay: 1` stays the plain mean (Polyak & Juditsky, 1992; once an epoch: Izmailov et al., "Stochastic
 * Weight Averaging", 2018).
 *
 *     const average = averageWeights(model, { decay: 0.999 })
 *     await model.fit(data, { epochs: 3, onBatch: average.update })
 *     average.evaluate(test)
 *     average.swap()   // from here on the model has the averaged weights
 */
export function averageWeights<In extends string = never, Out extends string = never>(
  model: Model<never, DType, In, Out>,
  options: { decay?: number } = {},
): AveragedWeights<In, Out> {
  checkArguments('averageWeights', arguments, 2)
  const given = checkOptions('averageWeights', options, ['decay'])
  const decay = finite('averageWeights', 'decay', given.decay ?? 0.999, 0, 1)
  const live = settledWeights('averageWeights', model)
  const average = live.map((data) => data.slice())
  let updates = 0
  return {
    ...putAside(model, live, average),
    update() {
      settle('averageWeights', coreOf('averageWeights', model))
      updates++
      const share = Math.min(decay, (updates - 1) / updates)
      for (let i = 0; i < live.length; i++) {
        const from = live[i]
        const to = average[i]
        // Not by their difference, which may be more than the largest number.
        for (let j = 0; j < from.length; j++) to[j] = share * to[j] + (1 - share) * from[j]
      }
    },
  }
}
