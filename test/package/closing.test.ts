// Models that are closed, cancelled, or used from within what they call.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import {
  type Layer,
  PlanError,
  type Tensor,
  createModel,
  dense,
  meanSquaredError,
  sequential,
  sgd,
  times,
} from '../../src/entries/index'

const loss = meanSquaredError()
const data = { x: [1, 2, 3, 4], y: [1, 2, 3, 4] }
const make = (options: object = {}, network: Layer = dense(1)) =>
  createModel(network, { input: [1], batch: 2, loss, optimizer: sgd({ learningRate: 0.01 }), ...options })
type Made = Awaited<ReturnType<typeof make>>

/** A layer that calls `inside` in each pass. */
function calling(inside: () => void): Layer {
  return {
    kind: 'calling',
    config: {},
    plan(x, plan) {
      const y = plan.value(x.shape)
      const sizes = [times(x.size)]
      const copy = (n: number, from: Float64Array, to: Float64Array) => {
        inside()
        to.set(from.subarray(0, n))
      }
      plan.forward(copy, { sizes, reads: [x], writes: [y] })
      plan.backward(copy, { sizes, reads: [y.gradient], writes: [x.gradient] })
      return y
    },
  }
}

describe.each(['wasm', 'js'])('close, on %s', (backend) => {
  test('frees the memory, though the model is still referenced', () => {
    const script = fileURLToPath(new URL('../support/closed.js', import.meta.url))
    const output = execFileSync(process.execPath, ['--expose-gc', script, backend], { encoding: 'utf8' })
    const { open, closed } = JSON.parse(output) as { open: number; closed: number }
    expect(open).toBeGreaterThan(290)
    expect(closed).toBeLessThan(20)
  })

  test('everything after it is an error that names what was called', async () => {
    const model = await make({ backend })
    model.close()
    const uses: Record<string, () => unknown> = {
      epoch: () => model.epoch,
      learningRate: () => model.learningRate,
      passes: () => model.passes,
      loss: () => model.loss,
      memory: () => model.memory,
      seed: () => model.seed,
      batch: () => model.batch,
      dtype: () => model.dtype,
      backend: () => model.backend,
      parameters: () => model.parameters,
      summary: () => model.summary(),
      forward: () => model.forward([1]),
      trainStep: () => model.trainStep([1], [1]),
      observe: () => model.observe(1),
      save: () => model.save(),
    }
    for (const [name, use] of Object.entries(uses)) {
      expect(use, name).toThrow(new PlanError(`${name}: this model was closed; create another`))
    }
  })

  test('from within is an error of ours', async () => {
    const options = (model: Made, key: string) => ({
      get [key]() {
        model.close()
        return undefined
      },
    })
    const uses: Record<string, (model: Made) => unknown> = {
      transform: (model) => model.evaluate(data, { transform: () => model.close() }),
      predict: (model) => model.predict([1], options(model, 'probabilities')),
      forward: (model) => model.forward([1], options(model, 'training')),
      evaluate: (model) => model.evaluate(data, options(model, 'topK')),
      save: (model) => model.save(options(model, 'allowNonFinite')),
      load: (model) => model.load(new Uint8Array(8), options(model, 'strict')),
      step: (model) =>
        model.step(() => {
          model.close()
          return 1
        }),
      schedule(model) {
        model.learningRate = () => {
          model.close()
          return 0.1
        }
        model.trainStep([1], [1])
      },
    }
    for (const [name, use] of Object.entries(uses)) {
      const model = await make({ backend })
      const error = catching(() => use(model))
      // A file that is none is said first.
      if (name !== 'load') expect(error, name).toBeInstanceOf(PlanError)
      if (name !== 'load') expect((error as Error).message, name).toMatch(/this model was closed/)
    }
    for (const key of ['transform', 'onBatch', 'shuffle']) {
      const model = await make({ backend })
      await expect(model.fit(data, options(model, key)), key).rejects.toThrow(/this model was closed/)
    }
    const model: Made = await make(
      { backend },
      sequential(
        calling(() => model.close()),
        dense(1),
      ),
    )
    expect(() => model.predict([1])).toThrow(/closed the model that it is part of/)
  })

  test('ends a fit that waits for its source, or for a callback', async () => {
    const stalled = async function* () {
      yield { x: [1], y: [1] }
      await new Promise(() => {})
    }
    const model = await make({ backend })
    setTimeout(() => model.close(), 20)
    await expect(model.fit(stalled)).rejects.toThrow('fit: this model was closed')
    const other = await make({ backend })
    setTimeout(() => other.close(), 20)
    await expect(other.fit(data, { onEpoch: () => new Promise(() => {}) })).rejects.toThrow(
      'fit: this model was closed',
    )
    const third = await make({ backend })
    setTimeout(() => third.close(), 20)
    await expect(third.evaluate(stalled)).rejects.toThrow('evaluate: this model was closed')
  })
})

function catching(use: () => unknown): unknown {
  try {
    use()
  } catch (error) {
    return error
  }
  return undefined
}

test.each(['onBatch', 'onEpoch'])('an abort ends a fit that waits for %s', async (name) => {
  const model = await make()
  const during = new AbortController()
  setTimeout(() => during.abort(), 20)
  const never = () => new Promise(() => {})
  const history = await model.fit(data, { epochs: 9, [name]: never, signal: during.signal })
  expect(history).toMatchObject({ stopped: 'signal', aborted: true })
  const inside = new AbortController()
  const aborting = () => {
    inside.abort()
    return never()
  }
  expect((await model.fit(data, { epochs: 9, [name]: aborting, signal: inside.signal })).stopped).toBe('signal')
})

describe('what uses the model from within', () => {
  const uses: Record<string, (model: Made) => unknown> = {
    predict: (model) => model.predict([9]),
    evaluate: (model) => model.evaluate(data),
    trainStep: (model) => model.trainStep([9], [9]),
    forward: (model) => model.forward([9]),
    step: (model) => model.step(),
    save: (model) => model.save(),
  }

  test.each(Object.keys(uses))('%s is an error that says where the model is', async (name) => {
    const model = await make()
    const use = uses[name]
    const transform = () => void use(model)
    const inTransform = (where: string) =>
      `${name}: the model is in the middle of the transform of ${where}, which may not`
    expect(() => model.evaluate(data, { transform })).toThrow(inTransform('evaluate'))
    await expect(model.fit(data, { transform })).rejects.toThrow(inTransform('fit'))
    model.learningRate = () => {
      use(model)
      return 0.1
    }
    expect(() => model.trainStep([1], [1])).toThrow(`${name}: the model is in the middle of asking the schedule`)
    model.learningRate = 0.1
    let inside = () => {}
    const layered = await make(
      {},
      sequential(
        calling(() => inside()),
        dense(1),
      ),
    )
    inside = () => use(layered)
    expect(() => layered.predict([1])).toThrow(`${name}: the model is in the middle of a call of 0 calling`)
    expect(() => layered.trainStep([1], [1])).toThrow(`${name}: the model is in the middle of a call of 0 calling`)
    inside = () => {}
    // Usable as before.
    expect(layered.trainStep([1], [1])).toBeGreaterThanOrEqual(0)
    expect(model.trainStep([1], [1])).toBeGreaterThanOrEqual(0)
  })

  test('a transform that gives a promise is an error at once', async () => {
    const model = await make()
    const transform = async (input: Tensor) => void (await Promise.reject(new Error(`${input.shape}`)))
    await expect(model.fit(data, { transform })).rejects.toThrow(/fit: transform gave a promise.*async iterable/)
    expect(() => model.evaluate(data, { transform })).toThrow(/evaluate: transform gave a promise/)
    expect(model.passes).toBe(0)
  })
})
