// npm run bench:checkpoints [-- --rounds 12]
//
// What it costs to lose nothing: the CNN for MNIST, float64, 60,000 images of noise. How long a checkpoint takes while fit
// runs and what it allocates; and fit with a checkpoint each second, on disk, beside fit without, in turns. Takes a minute.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as v128 from '../dist/index.js'
import { saveFile } from '../dist/files.js'

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '12' } } })
const rounds = Number(flags.rounds)
if (!Number.isInteger(rounds) || rounds < 1)
  throw new Error(`--rounds takes a whole number from 1, not ${flags.rounds}`)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const folder = mkdtempSync(join(tmpdir(), 'v128-bench-checkpoints-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const { conv2d, batchNorm, relu, maxPool2d } = v128
const block = (filters) => [conv2d(filters, { kernel: 3, pad: 1 }), batchNorm(), relu(), maxPool2d(2)]
const network = v128.sequential(
  v128.normalize({ mean: 33, std: 78 }),
  ...block(16),
  ...block(32),
  v128.flatten(),
  v128.dense(10),
)
const [rows, batch, size] = [60_000, 64, 784]
const x = new Uint8Array(rows * size).map((_, i) => Math.imul(i, 2654435761) >>> 24)
const y = Uint8Array.from({ length: rows }, (_, i) => i % 10)
const model = await v128.createModel(network, {
  input: [1, 28, 28],
  batch,
  loss: v128.softmaxCrossEntropy(),
  // So low that the network stays what it was: no unit dies, whose moments would become denormal numbers, which are slow.
  optimizer: v128.adam({ learningRate: 1e-6 }),
  seed: 1,
})

/** The same as an iterable, in float64. */
function* batches() {
  const images = Float64Array.from(x.subarray(0, batch * size))
  for (let first = 0; first + batch <= rows; first += batch) yield { x: images, y: y.subarray(first, first + batch) }
}

const sorted = (list) => list.toSorted((a, b) => a - b)
const median = (list) => sorted(list)[list.length >> 1]

// ---- a checkpoint ----

const taken = []
const save = () => {}
let bytes = 0
await model.fit(
  { x, y },
  {
    steps: 100,
    checkpoint: { every: { epochs: 1 }, save },
    onBatch() {
      const start = performance.now()
      bytes = model.checkpoint().length
      taken.push(performance.now() - start)
    },
  },
)
/** Of one, the mean of several that are kept: the heap grows by pieces larger than what one leaves in it. */
const allocated = Array.from({ length: 9 }, () => {
  collect()
  const kept = []
  const before = process.memoryUsage()
  for (let i = 0; i < 10; i++) kept.push(model.checkpoint())
  const after = process.memoryUsage()
  return Math.round((after.arrayBuffers - before.arrayBuffers + after.heapUsed - before.heapUsed) / kept.length)
})
const [first, ...others] = taken
console.log(
  `A checkpoint of ${bytes} bytes takes ${median(others).toFixed(2)} ms (${sorted(others)[0].toFixed(2)} at least, the ` +
    `first ${first.toFixed(2)}) and allocates ${median(allocated)} bytes`,
)

// ---- fit with a checkpoint each second ----

/** Milliseconds a step: of the processor, all threads and the disk's work among it, and by the clock. */
async function measure(data, steps, checkpoint) {
  const [start, before] = [performance.now(), process.cpuUsage()]
  await model.fit(data, { steps, checkpoint })
  const { user, system } = process.cpuUsage(before)
  return { processor: (user + system) / 1000 / steps, clock: (performance.now() - start) / steps }
}

const written = join(folder, 'checkpoint.safetensors')
for (const [name, data] of Object.entries({ arrays: { x, y }, 'an iterable': batches })) {
  let count = 0
  const checkpoint = { every: { seconds: 1 }, save: (file) => (count++, saveFile(written, file)) }
  // So many that there are about three checkpoints, and the one at the end.
  const steps = Math.ceil(3000 / (await measure(data, 50)).clock)
  const pairs = []
  for (let round = 0; round < rounds; round++) {
    const turns = round % 2 ? [checkpoint, undefined] : [undefined, checkpoint]
    const results = []
    for (const turn of turns) results.push(await measure(data, steps, turn))
    pairs.push(round % 2 ? results.toReversed() : results)
  }
  const ratios = ['processor', 'clock'].map((of) => {
    const least = [0, 1].map((side) => Math.min(...pairs.map((pair) => pair[side][of])))
    const all = sorted(pairs.map(([without, with_]) => with_[of] / without[of]))
    const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => all[Math.floor(share * (all.length - 1))].toFixed(3))
    return `${of}: ${middle} (${low} to ${high}), of the least ${(least[1] / least[0]).toFixed(3)}`
  })
  const step = Math.min(...pairs.map(([without]) => without.processor)).toFixed(2)
  console.log(
    `fit over ${name}, ${rounds} times ${steps} steps of ${step} ms: with ${count} checkpoints as long as without by the ` +
      ratios.join('; by the '),
  )
}
