// Whatever studies a model leaves it as it was: at rest, in the pauses of fit, and where something throws.
import { describe, expect, test } from 'vitest'
import {
  type Layer,
  type Loss,
  type Model,
  N,
  type Optimizer,
  type Progress,
  activationStatistics,
  adam,
  averageWeights,
  babysit,
  batchNorm,
  createModel,
  dense,
  dropout,
  ensemble,
  gradientCheck,
  lbfgs,
  leakyRelu,
  lookInside,
  sequential,
  snapshot,
  softmaxCrossEntropy,
  times,
} from '../../src/entries/index'
import { bits, randomData } from '../support/models'

const { x, y } = randomData(48, 4, 3)
const [few, labels] = [x.subarray(0, 32), y.subarray(0, 8)]

const studies: Record<string, (model: Model) => unknown> = {
  gradientCheck: (model) => gradientCheck(model, few, labels, { samples: 2, input: true }),
  'activationStatistics of values': (model) => activationStatistics(model, few),
  'activationStatistics of gradients': (model) => activationStatistics(model, few, labels),
  'lookInside, at values': (model) => lookInside(model, few),
  'lookInside, at gradients': (model) => lookInside(model, few, labels),
  babysit: (model) => babysit(model, { x, y }, { steps: 12 }),
  'snapshot().predict': (model) => snapshot(model).predict(few),
  'snapshot().evaluate': (model) => snapshot(model).evaluate({ x: few, y: labels }),
  averageWeights: (model) => {
    const average = averageWeights(model)
    average.update()
    average.evaluate({ x: few, y: labels })
    average.swap()
    average.swap()
  },
  ensemble: (model) => ensemble([model, snapshot(model)]).evaluate({ x: few, y: labels }),
}

/** Hands on what it gets, and throws at its nth call, forward or backward. */
function throwing(at: { forward?: number; backward?: number } = {}): Layer {
  const calls = { forward: 0, backward: 0 }
  const copy = (name: keyof typeof calls) => (_count: number, from: Float64Array, to: Float64Array | undefined) => {
    if (++calls[name] === at[name]) throw new Error(name)
    to?.set(from)
  }
  return {
    kind: 'throwing',
    config: {},
    plan(input, plan) {
      const y = plan.value(input.shape)
      const sizes = [times(input.size)]
      plan.forward(copy('forward'), { sizes, reads: [input], writes: [y] })
      plan.backward(copy('backward'), { sizes, reads: [y.gradient], writes: [input.gradient] })
      return y
    },
  }
}

/** The mean of half the squares of scores, which throws at its nth call. */
function throwingLoss(at = NaN): Loss {
  let calls = 0
  const squares = (count: number, n: number, scores: Float64Array, _labels: unknown, dScores?: Float64Array) => {
    if (++calls === at) throw new Error('loss')
    let sum = 0
    for (let i = 0; i < count; i++) sum += scores[i] ** 2 / 2 / n
    for (let i = 0; dScores && i < count; i++) dScores[i] = scores[i] / n
    return sum
  }
  return {
    kind: 'squares',
    config: {},
    probabilities: 'softmax',
    plan(input, plan) {
      const target = plan.pinned(4 * plan.batch)
      plan.loss(squares, { sizes: [times(input.size), N], reads: [input, target], writes: [input.gradient] })
      return { targets: 'labels', target }
    },
  }
}

const create = async (
  layer = throwing(),
  loss = softmaxCrossEntropy(),
  optimizer: Optimizer = adam({ learningRate: 0.01 }),
) => {
  const network = sequential(dense(8), leakyRelu(), layer, batchNorm(), dropout({ keep: 0.7 }), dense(3))
  const model = await createModel(network, { input: [4], batch: 16, loss, optimizer, l2: 0.01, seed: 3 })
  return model as Model
}

let controller: AbortController

/** All that a step depends on: two equal models take two equal steps. */
const expectEqual = (one: Model, other: Model) => {
  expect(bits(one)).toEqual(bits(other))
  expect([one.passes, one.epoch, one.learningRate]).toEqual([other.passes, other.epoch, other.learningRate])
  for (let i = 0; i < 2; i++) expect(one.trainStep(few, labels)).toBe(other.trainStep(few, labels))
  expect(bits(one)).toEqual(bits(other))
}

test('the function of a step takes no step itself', async () => {
  const model = await create()
  const before = bits(model)
  for (const inner of [() => model.step(), () => model.step(() => 1), () => model.trainStep(few, labels)]) {
    expect(() => model.step(() => Number(inner()))).toThrow(/^(step|trainStep): a step waits for its function/)
  }
  let fit: Promise<unknown> = Promise.resolve()
  model.step(() => {
    fit = model.fit({ x, y })
    return NaN
  })
  await expect(fit).rejects.toThrow(/^fit: a step waits for its function/)
  expect(bits(model)).toEqual(before)
})

describe.each(Object.entries(studies))('%s', (name, study) => {
  test('at rest', async () => {
    const [studied, plain] = [await create(), await create()]
    await studied.fit({ x, y })
    await plain.fit({ x, y })
    study(studied)
    expectEqual(studied, plain)
  })

  test('in the pauses of fit, within a step too', async () => {
    const [studied, plain] = [await create(), await create()]
    let running = true
    let pauses = 0
    let studies = 0
    const again = () => {
      if (!running) return
      // After another number of layers each time: from the first of a step to the optimizer.
      if (++pauses > (5 * studies) % 13) {
        study(studied)
        studies++
        pauses = 0
      }
      setImmediate(again)
    }
    setImmediate(again)
    const options = { epochs: 6, validation: { x: few, y: labels } }
    const history = await studied.fit({ x, y }, { ...options, yieldEvery: 0 })
    running = false
    expect(studies).toBeGreaterThan(10)
    expect(history).toEqual(await plain.fit({ x, y }, { ...options, yieldEvery: Infinity }))
    expectEqual(studied, plain)
  })

  test.each([
    ['signal', () => controller.abort()],
    [
      'a callback that throws',
      () => {
        throw new Error('a callback that throws')
      },
    ],
  ])('after fit ended: %s', async (expected, end) => {
    const [studied, plain] = [await create(), await create()]
    for (const model of [studied, plain]) {
      controller = new AbortController()
      const options = { epochs: 9, signal: controller.signal, yieldEvery: 0 }
      const onBatch = ({ epoch, batch }: Progress) => {
        if (epoch === 1 && batch === 2) end()
      }
      const fitted = model.fit({ x, y }, { ...options, onBatch })
      const how = await fitted.then(
        ({ stopped }) => stopped,
        ({ message }: Error) => message,
      )
      expect(how).toBe(expected)
    }
    study(studied)
    expectEqual(studied, plain)
  })

  test.each([() => adam({ learningRate: 0.01 }), () => lbfgs({ learningRate: 0.1 })])(
    'within the function of a step, which is as without it, or has not been',
    async (optimizer) => {
      const [studied, plain] = [
        await create(throwing(), undefined, optimizer()),
        await create(throwing(), undefined, optimizer()),
      ]
      const dy = Float64Array.from({ length: 24 }, (_, i) => Math.sin(i))
      const step = (model: Model, end = () => 1, before: (model: Model) => unknown = () => undefined) =>
        model.step(() => {
          before(model)
          const scores = Array.from(model.forward(few, { training: true }).data)
          const loss = scores.reduce((sum, v, i) => sum + v * dy[i], 0)
          model.backward(dy)
          return loss * end()
        })
      for (let i = 0; i < 3; i++) expect(step(studied, undefined, study)).toBe(step(plain))
      expect(bits(studied)).toEqual(bits(plain))
      expect(step(studied, () => NaN, study)).toBeNaN()
      const stop = () => {
        throw new Error('stop')
      }
      expect(() => step(studied, stop, study)).toThrow('stop')
      expectEqual(studied, plain)
    },
  )

  test('between forward and backward, of which the second says so', async () => {
    const model = await create()
    model.forward(few)
    study(model)
    expect(() => model.backward(new Float64Array(24))).toThrow(/^backward: there was no forward pass/)
    model.forward(few)
    expect(() => model.backward(new Float64Array(24))).not.toThrow()
  })

  test.each(['forward', 'backward', 'loss'] as const)('where %s throws', async (where) => {
    // At the first call, and later ones: a study that does not get there has nothing to throw.
    let thrown = 0
    for (const more of [1, 2, 5, 9]) {
      // Three passes before it, of which each is one call.
      const at = 3 + more
      const isLoss = where === 'loss'
      const studied = await create(throwing({ [where]: at }), isLoss ? throwingLoss(at) : undefined)
      const plain = await create(throwing(), isLoss ? throwingLoss() : undefined)
      for (const model of [studied, plain]) for (let i = 0; i < 3; i++) model.trainStep(few, labels)
      try {
        study(studied)
      } catch (error) {
        expect((error as Error).message).toBe(where)
        thrown++
      }
      // Past the call that throws, should the study not have come as far.
      for (let i = 0; i < 10; i++) {
        try {
          studied.predict(few)
          studied.evaluate({ x: few, y: labels })
        } catch {}
      }
      expect(bits(studied)).toEqual(bits(plain))
      if (where !== 'backward') expectEqual(studied, plain)
    }
    const reached = { forward: true, loss: /evaluate|gradient|babysit|Weights/.test(name) }
    expect(thrown > 0).toBe({ ...reached, backward: /gradient|babysit/.test(name) }[where])
  })
})
