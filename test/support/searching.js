// A search on two worker threads, run by search-checkpoints.test.ts as `node test/support/searching.js FILE`: prints a
// line when it begins and its trials, but for their times, when it ends. As a module it is what the threads run: a trial
// that keeps a checkpoint after each step.
import { setTimeout } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { adam, createModel, createRandom, dense, dropout, relu, sequential, softmaxCrossEntropy } from 'v128'
import { integer, logUniform, search } from 'v128/node'

const random = createRandom(1, 9)
const y = Uint8Array.from({ length: 200 }, () => random.integer(3))
const x = Float64Array.from({ length: 200 * 6 }, (_, i) => random.normal() + (i % 3 === y[Math.floor(i / 6)] ? 0.7 : 0))

const space = { learningRate: logUniform(1e-4, 1), units: integer(4, 32) }

/** @type {import('v128/node').Run<typeof space>} */
export async function run({ parameters, seed }, report, { resume, save }) {
  const { learningRate, units } = parameters
  const network = sequential(dense(units), relu(), dropout({ keep: 0.9 }), dense(3))
  const model = await createModel(network, {
    input: [6],
    batch: 20,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate }),
    seed,
  })
  const { validationLoss } = await model.fit(
    { x, y },
    {
      epochs: 6,
      validation: 0.2,
      resume,
      checkpoint: { every: { steps: 1 }, save },
      async onEpoch({ epoch, validationLoss: loss = NaN }) {
        // So that, on any machine, whoever kills this process does so within a trial.
        await setTimeout(5)
        return report(epoch, loss)
      },
    },
  )
  return validationLoss.at(-1) ?? NaN
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log('begun')
  const { trials } = await search({
    space,
    worker: import.meta.url,
    workers: 2,
    trials: 14,
    seed: 2,
    earlyStopping: { rule: 'median' },
    file: process.argv[2],
  })
  console.log(JSON.stringify(trials.map((trial) => ({ ...trial, seconds: 0 }))))
}
