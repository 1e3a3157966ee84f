// npm run bench:checkpoints [-- --rounds 30]
//
// What it costs to lose nothing: the CNN for MNIST, float64, 60,000 images of noise. How long a checkpoint takes while fit
// runs and what it allocates; and a second of fit in which a checkpoint goes to the disk, beside the seconds before and after
// it, in which none does.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as v128 from '../dist/index.js'
import { saveFile } from '../dist/files.js'
import { networks } from './networks.mjs'

const { values: flags } = parseArgs({ options: { rounds: { type: 'string', default: '30' } } })
const rounds = Number(flags.rounds)
if (!Number.isInteger(rounds) || rounds < 2)
  throw new Error(`--rounds takes a whole number from 2, not ${flags.rounds}`)

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const folder = mkdtempSync(join(tmpdir(), 'v128-bench-checkpoints-'))
const written = join(folder, 'checkpoint.safetensors')
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const network = v128.sequential(v128.normalize({ mean: 33, std: 78 }), networks['MNIST CNN'].layers(v128))
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

/** Of the processor, all threads and the disk's work among it, and by the clock, in milliseconds. */
const now = () => {
  const { user, system } = process.cpuUsage()
  return { processor: (user + system) / 1000, clock: performance.now() }
}
const start = now()
await model.fit({ x, y }, { steps: 50 })
const steps = Math.round((1000 * 50) / (now().clock - start.clock))
const marks = []
let count = 0
await model.fit(
  { x, y },
  {
    steps: (2 * rounds + 1) * steps,
    // In the first step of every other second.
    checkpoint: { every: { steps: 2 * steps }, save: (file) => saveFile(written, file) },
    onBatch: () => void (++count % steps === 0 && marks.push(now())),
  },
)
const ratios = ['processor', 'clock'].map((of) => {
  const seconds = marks.slice(1).map((mark, i) => mark[of] - marks[i][of])
  // The first mark is before a second without; each with one stands between two without.
  const all = sorted(
    Array.from({ length: rounds - 1 }, (_, i) => (2 * seconds[2 * i + 1]) / (seconds[2 * i] + seconds[2 * i + 2])),
  )
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => all[Math.floor(share * (all.length - 1))].toFixed(4))
  return `by the ${of} ${middle} (${low} to ${high})`
})
console.log(`fit, ${steps} steps with a checkpoint, beside as many without, ${rounds - 1} times: ${ratios.join(', ')}`)
