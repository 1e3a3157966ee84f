// A process that trains, for tests that kill it and start it again: trainer.ts RUN BACKEND FILE PAUSE. It goes on from
// the checkpoint in FILE, if there is one, and writes one there after each step. With a PAUSE the disk is slow, and each
// step takes a while longer. Prints a line when it begins, one at its end; what came out stands in FILE.end.
import { existsSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { loadFile, saveFile } from '../../src/entries/files'
import { type FitOptions, type History, type Model, type ModelOptions, adam, lbfgs } from '../../src/entries/index'
import { checksumOf } from '../../src/io/checksum'
import { saveSlowly } from '../files/slow'
import { ROWS, batches, cnn, data, dress, validation } from './runs'

interface Run {
  model(options: Partial<ModelOptions>): Promise<Model>
  fit(model: Model, more: FitOptions): Promise<History>
}

const RUNS: Readonly<Record<string, Run>> = {
  cnn: {
    model: cnn,
    fit: (model, more) =>
      model.fit(data, { ...dress(), epochs: 30, earlyStopping: { patience: 3, restoreBest: true }, ...more }),
  },
  lbfgs: {
    model: (options) => cnn({ batch: ROWS, optimizer: lbfgs({ memory: 3, iterations: 2 }), ...options }),
    fit: (model, more) => model.fit(data, { epochs: 40, shuffle: false, ...more }),
  },
  iterable: {
    model: (options) => cnn({ optimizer: adam({ learningRate: 3e-3 }), ...options }),
    fit(model, more) {
      async function* read(epoch: number) {
        for (const batch of batches(epoch)) {
          await setTimeout(1)
          yield batch
        }
      }
      return model.fit(read, { epochs: 10, validation, ...more })
    },
  },
}

const [name, backend, file, given] = process.argv.slice(2)
const pause = Number(given)
const run = RUNS[name]
const model = await run.model({ backend: backend as 'wasm' | 'js' })
console.log('begins')
const history = await run.fit(model, {
  resume: existsSync(file) && (await loadFile(file)),
  checkpoint: {
    every: { steps: 1 },
    save: (bytes) => (pause ? saveSlowly(file, bytes, pause) : saveFile(file, bytes)),
  },
  onBatch: async () => {
    if (pause) await setTimeout(8 * pause)
  },
})
const end = JSON.stringify({ weights: checksumOf(model.save()), history })
await saveFile(`${file}.end`, new TextEncoder().encode(end))
console.log('ended')
