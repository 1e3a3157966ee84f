// A loss that is a function of the user's.

import {
  PlanError,
  callable,
  checkArguments,
  checkNoPromise,
  checkOptions,
  finite,
  flag,
  oneOf,
  readSafely,
} from './errors'
import type { LossOptions } from './losses'
import { N, WEIGHT } from './plan/calls'
import { sizeOf } from './plan/checks'
import type { Loss } from './plan/layer'
import { type Floats, product } from './tensor'

/**
 * A loss of n examples: gets their outputs and targets, one example after the other, as views, of which it reads only, and
 * a view of the gradient of the loss by the outputs, all 0, into which it writes or adds. Returns the mean loss. `weights`
 * has what each example weighs, 1 unless the data say otherwise.
 */
export type LossFunction<Target extends Floats | Int32Array = Floats> = (
  outputs: Floats,
  targets: Target,
  gradients: Floats,
  n: number,
  weights: Floats,
) => number

/** Of customLoss. */
export interface CustomLossOptions extends LossOptions {
  /**
   * What it is compared with: 'values', as many as there are outputs; 'probabilities', the same from 0 to 1; 'labels', one
   * class for each example; or the shape of the values of one example, such as [1]. 'values' unless given.
   */
  targets?: 'values' | 'probabilities' | 'labels' | readonly number[]
  /**
   * Whether it takes the weights of examples into account, dividing by their sum; data with weights are refused unless it
   * does. False unless given.
   */
  weighted?: boolean
}

/**
 * A loss that is a function: of the outputs of the network, or of one output of a graph, of targets, and of gradients. It
 * may compare examples with each other, or outputs with themselves. A gradientCheck says whether its gradient is that of
 * its loss. A file holds no functions, so loadModel wants the loss anew.
 *
 * The distance of pairs, by which a network learns which examples are alike (Hadsell et al., 2006): the graph gives what
 * it makes of either one behind the other, and a target is 1 for a pair that is alike, else 0.
 *
 *     const size = 3
 *     const margin = 1.5
 *     const contrastive = customLoss(
 *       (outputs, same, gradients, n) => {
 *         let loss = 0
 *         for (let i = 0; i < n; i++) {
 *           const a = 2 * size * i
 *           let squares = 0
 *           for (let j = 0; j < size; j++) squares += (outputs[a + j] - outputs[a + size + j]) ** 2
 *           const distance = Math.sqrt(squares)
 *           const off = same[i] ? distance : Math.max(0, margin - distance)
 *           loss += (off * off) / n
 *           // The slope by the distance, over the distance, whose own slope is the difference over it.
 *           const slope = distance ? ((same[i] ? 2 : -2) * off) / (n * distance) : 0
 *           for (let j = 0; j < size; j++) {
 *             const d = slope * (outputs[a + j] - outputs[a + size + j])
 *             gradients[a + j] = d
 *             gradients[a + size + j] = -d
 *           }
 *         }
 *         return loss
 *       },
 *       { targets: [1] },
 *     )
 *     const twins = graph(['one', 'other'], ({ one, other }, use) => {
 *       const body = sequential(dense(7), tanh(), dense(size))
 *       return use('pair', concat(), use('body', body, one), use('body', body, other))
 *     })
 *     const alike = await createModel(twins, { input: { one: [6], other: [6] }, loss: contrastive })
 *
 * A policy gradient (Williams, 1992): of each situation the action that was taken, and how much better than expected it
 * turned out, its advantage. The loss is the mean of -advantage ln p(action).
 *
 *     const actions = 4
 *     const policy = customLoss(
 *       (scores, taken, gradients, n) => {
 *         let loss = 0
 *         for (let i = 0; i < n; i++) {
 *           const [action, advantage] = taken.subarray(2 * i, 2 * i + 2)
 *           const row = scores.subarray(actions * i, actions * (i + 1))
 *           const most = Math.max(...row)
 *           let sum = 0
 *           for (const z of row) sum += Math.exp(z - most)
 *           loss += (advantage * (Math.log(sum) + most - row[action])) / n
 *           row.forEach((z, j) => {
 *             const p = Math.exp(z - most) / sum
 *             gradients[actions * i + j] = (advantage * (p - Number(j === action))) / n
 *           })
 *         }
 *         return loss
 *       },
 *       { targets: [2] },
 *     )
 *     const player = await createModel(sequential(dense(16), relu(), dense(actions)), {
 *       input: [4], loss: policy, optimizer: adam({ learningRate: 1e-2 }),
 *     })
 *     player.trainStep([0.1, 0, -0.2, 0], [2, 0.7])
 *
 * The two losses of a variational autoencoder (Kingma & Welling, 2014): what is drawn again, against the input, and how
 * far the code, means and deviations (by way of a softplus), is from a standard normal distribution. The graph gives each
 * under its name, with a loss of its own; the code has no target, so any do.
 *
 *     const redrawn = binaryCrossEntropy({ weight: 784 })
 *     const normal = customLoss(
 *       (code, _, gradients, n) => {
 *         const half = code.length / n / 2
 *         let loss = 0
 *         for (let i = 0; i < n; i++) {
 *           for (let j = 2 * half * i; j < 2 * half * i + half; j++) {
 *             const [mean, rest] = [code[j], code[j + half]]
 *             const deviation = Math.log1p(Math.exp(rest))
 *             loss += ((mean * mean + deviation * deviation - 1) / 2 - Math.log(deviation)) / n
 *             gradients[j] = mean / n
 *             gradients[j + half] = (deviation - 1 / deviation) / (1 + Math.exp(-rest)) / n
 *           }
 *         }
 *         return loss
 *       },
 *       { targets: [1] },
 *     )
 *     const autoencoder = graph(['digit', 'noise'], ({ digit, noise }, use) => {
 *       const code = use('code', sequential(dense(64), relu(), dense(4)), digit)
 *       const mean = use('mean', take({ to: 2 }), code)
 *       const deviation = use('deviation', sequential(take({ from: 2 }), softplus()), code)
 *       const drawn = use('drawn', add(), mean, use('spread', multiply(), deviation, noise))
 *       return { redrawn: use('redrawn', sequential(dense(64), relu(), dense(784)), drawn), code }
 *     })
 *     await createModel(autoencoder, {
 *       input: { digit: [784], noise: [2] }, loss: { redrawn, code: normal },
 *     })
 *
 * Functions such as Math.exp round differently from host to host: a loss that takes them gives other last bits elsewhere.
 */
export function customLoss(loss: LossFunction<Int32Array>, options: CustomLossOptions & { targets: 'labels' }): Loss
export function customLoss(loss: LossFunction, options?: CustomLossOptions): Loss
export function customLoss(loss: LossFunction<any>, options: CustomLossOptions = {}): Loss {
  const where = 'customLoss'
  checkArguments(where, arguments, 2)
  checkNoPromise(where, 'the loss', loss)
  callable(where, '', loss, 'a function (outputs, targets, gradients, n) => loss')
  const read = checkOptions(where, options, ['targets', 'weighted', 'weight'])
  const weight = finite(where, 'weight', read.weight ?? 1, 0)
  if (!weight) throw new PlanError(`${where}: weight must be more than 0, got 0: nothing could be learnt of it`)
  const weighted = flag(where, 'weighted', read.weighted ?? false)
  const wanted = read.targets ?? 'values'
  const shape = readSafely(where, 'targets', () => {
    if (!Array.isArray(wanted)) return undefined
    const list = [...(wanted as number[])]
    sizeOf(() => `${where}: targets`, list)
    return list
  })
  const targets = shape ? 'values' : oneOf(where, 'targets', wanted as string, ['values', 'probabilities', 'labels'])
  return {
    kind: where,
    config: {},
    ...(weight !== 1 && { weight }),
    plan(x, plan) {
      const { batch, bytes } = plan
      const target = plan.pinned(batch * (targets === 'labels' ? 4 : product(shape ?? x.shape) * bytes))
      const weights = weighted ? plan.pinned(batch * bytes) : undefined
      const sizeOfTarget = targets === 'labels' ? 1 : product(shape ?? x.shape)
      const views: (Views | undefined)[] = []
      const call = (
        n: number,
        _divisor: number,
        outputs: Floats,
        all: Floats,
        weighs: Floats | undefined,
        spare: Floats,
        gradients: Floats = spare,
      ): number => {
        // A pass without gradients has other places for them.
        const at = 2 * n + Number(gradients === spare)
        const own = (views[at] ??= {
          outputs: outputs.subarray(0, n * x.size),
          targets: (targets === 'labels' ? new Int32Array(all.buffer, all.byteOffset, batch) : all).subarray(
            0,
            n * sizeOfTarget,
          ),
          gradients: gradients.subarray(0, n * x.size),
          weights: weighs?.subarray(0, n) ?? gradients.slice(0, n),
        })
        own.gradients.fill(0)
        // Those that are not the model's may have been written to.
        if (!weighs) own.weights.fill(1)
        const value: unknown = loss(own.outputs, own.targets, own.gradients, n, own.weights)
        if (typeof value !== 'number') return value as number
        if (weight === 1) return value
        for (let i = 0; i < n * x.size; i++) own.gradients[i] *= weight
        return value * weight
      }
      plan.loss(call, {
        sizes: [N, WEIGHT],
        reads: [x, target, weights],
        scratch: batch * x.size * bytes,
        writes: [x.gradient],
      })
      return { targets, target, ...(shape && { shape }), ...(weights && { weights }) }
    },
  }
}

/** What a loss of n examples gets: made once for each n. */
interface Views {
  readonly outputs: Floats
  readonly targets: Floats | Int32Array
  readonly gradients: Floats
  readonly weights: Floats
}
