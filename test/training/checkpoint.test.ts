// Checkpoints: a run that is cut off anywhere, and goes on, ends with the bits of one that never was.
import { describe, expect, test } from 'vitest'
import {
  type FitOptions,
  type History,
  type Model,
  adagrad,
  adam,
  adamW,
  lbfgs,
  momentum,
  nesterov,
  reduceOnPlateau,
  rmsprop,
  sgd,
} from '../../src/entries/index'
import { ROWS, batches, cnn, data, dress, validation } from './runs'

/** All that a model is after a run. */
function endOf(model: Model, history: History) {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return { weights: hex(model.save()), state: hex(model.checkpoint()), history }
}

interface Case {
  readonly name: string
  model(): Promise<Model>
  run?(model: Model, more: FitOptions): Promise<History>
  /** Whether a callback ends it. */
  readonly ends?: true
}

const CASES: Case[] = [
  { name: 'a CNN with all that is drawn, a schedule and early stopping', model: () => cnn() },
  { name: 'the same in float32', model: () => cnn({ dtype: 'float32' }) },
  { name: 'the same on the twin', model: () => cnn({ backend: 'js' }) },
  ...[
    sgd({ learningRate: 0.1 }),
    momentum({ learningRate: 0.05 }),
    nesterov({ learningRate: 0.05 }),
    rmsprop({ learningRate: 1e-3 }),
    adagrad({ learningRate: 1e-2 }),
    adamW({ learningRate: 1e-3 }),
    sgd({ learningRate: reduceOnPlateau({ initial: 0.1, patience: 0, cooldown: 1 }) }),
  ].map((optimizer): Case => ({
    name: `${optimizer.kind} ${JSON.stringify(optimizer.learningRate) ?? 'plateau'}`,
    model: () => cnn({ optimizer }),
  })),
  {
    name: 'L-BFGS',
    model: () => cnn({ batch: ROWS, optimizer: lbfgs({ memory: 3, iterations: 2 }) }),
    run: (model, more) => model.fit(data, { epochs: 6, shuffle: false, ...more }),
  },
  {
    name: 'early stopping by the training loss',
    model: () => cnn(),
    run: (model, more) =>
      model.fit(data, { epochs: 5, earlyStopping: { restoreBest: true, patience: 1, minDelta: 0.3 }, ...more }),
  },
  {
    name: 'a share for validation, dropLast, a limit of steps',
    model: () => cnn(),
    run: (model, more) => model.fit(data, { steps: 11, validation: 0.2, dropLast: true, batch: 7, ...more }),
  },
  {
    name: 'an iterable',
    model: () => cnn({ optimizer: adam({ learningRate: 1e-2 }) }),
    run: (model, more) => model.fit(batches, { epochs: 3, ...more }),
  },
  {
    name: 'an async iterable',
    model: () => cnn({ optimizer: adam({ learningRate: 1e-2 }) }),
    run: (model, more) =>
      model.fit(
        async function* (epoch) {
          for (const batch of batches(epoch)) {
            await Promise.resolve()
            yield batch
          }
        },
        { epochs: 3, validation, ...more },
      ),
  },
  {
    name: 'a run that a callback ends in the middle of an epoch',
    ends: true,
    model: () => cnn(),
    run: (model, more) =>
      model.fit(data, { epochs: 3, validation, onBatch: ({ epoch, batch }) => epoch < 1 || batch < 3, ...more }),
  },
]

const fitWhole = (model: Model, more: FitOptions) => model.fit(data, { ...dress(), ...more })

describe.each(CASES)('$name', ({ model, run = fitWhole, ends }) => {
  test('goes on from each of its checkpoints', async () => {
    const whole = await model()
    const history = await run(whole, {})
    const wanted = endOf(whole, history)

    const written: Uint8Array[] = []
    const watched = await model()
    const same = await run(watched, { checkpoint: { every: { steps: 1 }, save: (bytes) => written.push(bytes) } })
    expect(endOf(watched, same)).toEqual(wanted)
    expect(written.length).toBeGreaterThan(history.steps)
    const taken: Uint8Array[] = []
    const asked = await model()
    // A callback that ends the run comes after this one, so a checkpoint from within does not know of that.
    if (!ends)
      await run(asked, {
        onBatch: () => void taken.push(asked.checkpoint()),
        onEpoch: () => void taken.push(asked.checkpoint()),
      })

    for (const bytes of [...written, ...taken]) {
      const fresh = await model()
      const last: Uint8Array[] = []
      const rest = await run(fresh, {
        resume: bytes,
        checkpoint: { every: { epochs: 100 }, save: (b) => last.push(b) },
      })
      expect(endOf(fresh, rest)).toEqual(wanted)
      if (last.length) expect(Buffer.from(last.at(-1)!).equals(written.at(-1)!)).toBe(true)
    }
  })
})
