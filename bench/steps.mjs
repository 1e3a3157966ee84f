// npm run bench:steps [-- COMMIT --rounds 10]: whole training steps of this tree, as it is, beside those of an older
// commit (8694741 unless given), through what is public in both.
//
// The commit is checked out and built in a folder of its own among the temporary files, which later runs use again
// (git worktree list names it, git worktree remove deletes it). Each figure comes from a process of its own with one
// model, since V8 makes other code of a function that has met several. The two trees take turns, since the speed of a
// machine drifts. On a busy one, believe the processor's time, and more rounds.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { networks as known } from './networks.mjs'
import { quantile } from './peers/processes.mjs'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '10' }, measure: { type: 'string' } },
})
const root = fileURLToPath(new URL('..', import.meta.url))

/** A sample is `epochs` times `batches` steps: long enough for a clock, and for the beginning of fit not to count. */
const networks = {
  'MNIST CNN, batch 64': {
    layers: known['MNIST CNN'].layers,
    shape: { input: [1, 28, 28], batch: 64, classes: 10, batches: 2, epochs: 1 },
    inputs: (bits) => Uint8Array.from(bits, (word) => word >>> 24),
  },
  '2-64-64-3, batch 50': {
    layers: ({ sequential, relu, dense }) => sequential(dense(64), relu(), dense(64), relu(), dense(3)),
    shape: { input: [2], batch: 50, classes: 3, batches: 6, epochs: 50 },
    inputs: (bits) => Float64Array.from(bits, (word) => word / 2 ** 31 - 1),
  },
}
const cases = Object.keys(networks).flatMap((network) =>
  ['float64', 'float32'].flatMap((dtype) => ['trainStep', 'fit'].map((way) => ({ network, dtype, way }))),
)

/**
 * Milliseconds a step in a second's samples, after half a second to warm up: the least that it took of the processor,
 * whatever else the machine did meanwhile, and the median by the clock, which also counts waiting.
 */
async function measure({ tree, network, dtype, way }) {
  const v128 = await import(pathToFileURL(`${tree}/dist/index.js`).href)
  const { layers, shape, inputs } = networks[network]
  const { input, batch, classes, batches, epochs } = shape
  const [size, rows] = [input.reduce((a, b) => a * b, 1), batches * batch]
  const x = inputs(Uint32Array.from({ length: rows * size }, (_, i) => Math.imul(i, 2654435761)))
  const y = Uint8Array.from({ length: rows }, (_, i) => i % classes)
  // A rate so low that the network stays what it was at the start: no unit dies, whose moments would become denormal
  // numbers, which are slow, and be it in one of the trees only.
  const optimizer = v128.adam({ learningRate: 1e-6 })
  const options = { input, batch, dtype, backend: 'wasm', seed: 1, loss: v128.softmaxCrossEntropy(), optimizer }
  const model = await v128.createModel(layers(v128), options)
  const [x0, y0, steps] = [x.subarray(0, batch * size), y.subarray(0, batch), epochs * batches]
  const ways = {
    trainStep() {
      for (let i = 1; i < steps; i++) model.trainStep(x0, y0)
      return model.trainStep(x0, y0)
    },
    fit: async () => (await model.fit({ x, y }, { epochs })).loss[epochs - 1],
  }
  const [processor, clock] = [[], []]
  for (const start = performance.now(); clock.length < 3 || performance.now() < start + 1500;) {
    const [from, before] = [performance.now(), process.cpuUsage()]
    const loss = await ways[way]()
    if (!Number.isFinite(loss)) throw new Error(`${tree}: ${network}, ${dtype}, ${way}: the loss is ${loss}`)
    if (from < start + 500) continue
    const { user, system } = process.cpuUsage(before)
    processor.push((user + system) / 1000 / steps)
    clock.push((performance.now() - from) / steps)
  }
  return { least: Math.min(...processor), median: quantile(clock, 0.5) }
}

function compare(name, rounds) {
  const git = (...args) =>
    execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] }).trim()
  const commit = git('rev-parse', '--verify', `${name}^{commit}`).slice(0, 12)
  const folder = `${tmpdir()}/v128-bench-${commit}`
  // Forced, since git may still list a folder that was deleted.
  if (!existsSync(`${folder}/.git`)) git('worktree', 'add', '--force', '--detach', folder, commit)
  for (const tree of [folder, root]) {
    const script = existsSync(`${tree}/build.mjs`) ? 'build.mjs' : 'assembly/build.mjs'
    execFileSync(process.execPath, [script], { cwd: tree, stdio: ['ignore', 2, 2] })
  }

  const head = git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') ? ' with changes' : '')
  const start = performance.now()
  const total = 2 * rounds * cases.length
  const turns = []
  while (turns.length < total) {
    const { network, dtype, way } = cases[(turns.length >> 1) % cases.length]
    const task = JSON.stringify({ tree: turns.length % 2 ? root : folder, network, dtype, way })
    // Optimised at once: whether and when V8 leaves its first tier depends on how busy the machine is.
    const args = ['--no-liftoff', fileURLToPath(import.meta.url), '--measure', task]
    turns.push(JSON.parse(execFileSync(process.execPath, args, { stdio: ['ignore', 'pipe', 2] })))
    if (turns.length % (2 * cases.length) > 0) continue
    const left = ((performance.now() - start) / 1000) * (total / turns.length - 1)
    process.stderr.write(`round ${turns.length / 2 / cases.length} of ${rounds}, ${left.toFixed(0)} s left\n`)
  }

  console.log(
    `\nMilliseconds a step, Node ${process.version}: ${commit} (then) and ${head} (now).\nThe least time of the ` +
      `processor in ${rounds} rounds; then the ratio in each round, median and middle half, of these least times,\n` +
      'and of the medians by the clock.\n',
  )
  const line = (cells) => console.log(cells.map((cell, i) => cell.padEnd([42, 9, 9, 10, 25][i] ?? 0)).join(''))
  line(['', 'then', 'now', 'now/then', 'least, processor', 'median, clock'])
  for (const [i, { network, dtype, way }] of cases.entries()) {
    const [older, newer] = [0, 1].map((which) => turns.filter((_, t) => t % (2 * cases.length) === 2 * i + which))
    const [then, now] = [older, newer].map((side) => Math.min(...side.map((turn) => turn.least)))
    const ratio = (key) => {
      const ratios = older.map((turn, round) => newer[round][key] / turn[key])
      const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => quantile(ratios, share).toFixed(3))
      return `${middle} (${low} to ${high})`
    }
    const figures = [then.toFixed(4), now.toFixed(4), (now / then).toFixed(3), ratio('least'), ratio('median')]
    line([`${network}, ${dtype}, ${way}`, ...figures])
  }
}

if (flags.measure) console.log(JSON.stringify(await measure(JSON.parse(flags.measure))))
else if (Number.isInteger(+flags.rounds) && +flags.rounds >= 1) compare(positionals[0] ?? '8694741', +flags.rounds)
else throw new Error(`--rounds takes a whole number from 1, not ${flags.rounds}`)
