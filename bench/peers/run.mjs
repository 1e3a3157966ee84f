// npm run bench:peers [-- --rounds 3 --quick --only REGEX --task REGEX]
//
// v128 beside what a user would pick instead: one run, one machine, one thread. In each round every side (a peer in one
// precision) is a process of its own, one after the other, that runs each task warmed up and gives the median of its
// samples; a figure is the median of the rounds, its spread (max - min) / median. A whole run writes results.json and
// the tables between the markers of bench/README.md; a part of one (--quick, --only, --task) only prints them.
//
// Peers are matched as 'PyTorch float32', tasks by their titles in tasks.mjs.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, platform, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { trainingTasks } from '../networks.mjs'
import {
  clock,
  findTorch,
  format,
  layOut,
  node,
  quantile,
  runChild,
  sameLosses,
  shorten,
  table as markdown,
  writeReadme,
} from './processes.mjs'
import { operations } from './tasks.mjs'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    task: { type: 'string', default: '' },
  },
})
const rounds = Number(flags.rounds ?? (flags.quick ? 1 : 3))
/**
 * How long a task is sampled (half as long again to warm up), how slow a first call is followed by one sample only, and
 * how slow it is the only one; ms.
 */
const limits = flags.quick ? { time: 100, slow: 250, slower: 1000 } : { time: 240, slow: 500, slower: 3000 }
/** A task that takes longer than this (ms) to warm up and measure is stopped. */
const silence = flags.quick ? 20_000 : 30_000
/** A task slower than this (ms) is not repeated in later rounds. */
const ONCE = 500

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const bundle = `${root}dist/peers.mjs`

const both = ['float32', 'float64']

const peers = [
  { name: 'v128', dtypes: both, command: node(bundle), options: { backend: 'wasm' } },
  { name: 'v128 js', dtypes: both, command: node(bundle), options: { backend: 'js' } },
  { ...findTorch(), dtypes: both },
  ...[
    { name: 'TF.js wasm', options: { backend: 'wasm' } },
    { name: 'TF.js wasm + filter gradient', options: { backend: 'wasm', filterGradient: true } },
    { name: 'TF.js cpu', options: { backend: 'cpu' } },
  ].map((peer) => ({ ...peer, dtypes: ['float32'], command: node(`${here}tfjs.mjs`) })),
  { name: 'onnxruntime-web', dtypes: both, command: node(`${here}ort.mjs`), options: { training: false } },
  { name: 'onnxruntime-web training', dtypes: both, command: node(`${here}ort.mjs`), options: { training: true } },
  { name: 'jax-js', dtypes: both, command: node(`${here}jax.mjs`) },
  { name: 'ConvNetJS', dtypes: ['float64'], command: node(`${here}convnet.mjs`) },
]

const start = performance.now()
function say(text) {
  process.stderr.write(text)
}
/** The library, this package's dependencies, and v128's own side of the run in one file. */
async function prepare() {
  execFileSync(process.execPath, ['build.mjs'], { cwd: root, stdio: ['ignore', 2, 2] })
  const { dependencies } = JSON.parse(readFileSync(`${here}package.json`, 'utf8'))
  if (!Object.keys(dependencies).every((name) => existsSync(`${here}node_modules/${name}/package.json`))) {
    say('Installing the peers\n')
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    spawnSync(npm, ['ci', ...options], { cwd: here, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  }
  const { build } = await import('esbuild')
  await build({
    entryPoints: [`${here}v128.ts`],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  })
}

/** All tasks of a side in one round; after a crash a new process takes the tasks that are left. */
async function runSide(side, wanted, round) {
  let left = wanted
  const record = (id, line) => {
    const entry = (side.results[id] ??= { ms: [], samples: [] })
    if (line.error) entry.error = line.error
    if (line.losses?.length) entry.losses = line.losses
    if (line.ms !== undefined) {
      entry.ms.push(line.ms)
      entry.samples.push(line.samples)
    }
    left = left.filter((task) => task.id !== id)
    say(line.error ? `${shorten(line.error, 60)}\n` : `${line.ms === undefined ? '-' : `${format(line.ms)} ms`}\n`)
  }
  const begin = (id) =>
    say(
      `${clock(performance.now() - start).padStart(6)}  round ${round}/${rounds}  ${side.name} ${side.dtype}  ${id}  `,
    )
  const failAll = (error) => {
    for (const { id } of left) {
      begin(id)
      record(id, { error })
    }
  }
  if (side.missing) failAll(side.missing)
  while (left.length > 0) {
    let current
    const trouble = await runChild(side, { tasks: left, limits, silence }, (line) => {
      if (line.version !== undefined) Object.assign(side, { version: line.version, notes: line.notes })
      if (line.start) {
        current = line.start
        begin(current)
      }
      if (line.task) {
        current = undefined
        record(line.task, line)
      }
      if (line.failed) failAll(line.failed)
    })
    if (trouble && current) record(current, { error: trouble })
    else if (left.length > 0) failAll(trouble ?? 'ended before its time')
  }
}

/** Median, spread and ratio to v128 of each figure. */
function summarise(sides) {
  for (const side of sides) {
    const reference = sides.find(({ name, dtype }) => name === 'v128' && dtype === side.dtype)
    for (const [id, result] of Object.entries(side.results)) {
      if (result.ms.length === 0) continue
      result.median = quantile(result.ms, 0.5)
      result.spread = (Math.max(...result.ms) - Math.min(...result.ms)) / result.median
      const ours = reference?.results[id]?.ms ?? []
      if (ours.length > 0) result.ratio = result.median / quantile(ours, 0.5)
    }
  }
}

/** Whether every side that says so trained the same network: its first two losses are v128's. */
function checkLosses(sides) {
  const ours = sides.find(({ name }) => name === 'v128')
  for (const side of sides) {
    for (const [id, { losses }] of Object.entries(side.results)) {
      const want = ours?.results[id]?.losses
      if (want && losses && !sameLosses(losses, want)) {
        say(`${side.name} ${side.dtype} trains something else: losses ${losses}, v128's ${want}\n`)
        side.results[id].error = `wrong losses: ${losses.map((loss) => loss.toFixed(4)).join(', ')}`
        delete side.results[id].median
      }
    }
  }
}

function table(sides, tasks, notes) {
  const title = ({ name, version }) => (version ? `${name} ${version}` : name)
  const cell = ({ name, results, notes: own = {} }, { id, kind }) => {
    const { median: ms, spread, ratio, error, ms: list } = results[id] ?? {}
    if (error) return `\`${shorten(error, 44)}\``
    if (ms === undefined) return '–'
    const much = list.length > 1 ? ` ±${Math.round(100 * spread)} %` : ''
    const times = name === 'v128' || ratio === undefined ? '' : ` (${ratio.toFixed(ratio < 10 ? 2 : 0)}×)`
    const note = own[kind] ? `${name}: ${own[kind]}` : ''
    if (note && !notes.includes(note)) notes.push(note)
    return `${format(ms)}${much}${times}${note ? ` <sup>${notes.indexOf(note) + 1}</sup>` : ''}`
  }
  const rows = tasks.map((task) => [task.id, ...sides.map((side) => cell(side, task))])
  return markdown(['ms a call', ...sides.map(title)], rows)
}

async function report(sides, tasks, environmentLine) {
  const notes = []
  const tables = both.map((dtype) => {
    const those = sides.filter((side) => side.dtype === dtype)
    return those.length > 0 ? `**${dtype}**\n\n${table(those, tasks, notes)}\n` : ''
  })
  const text = [
    environmentLine,
    `Milliseconds a call, ± the spread of the rounds, and in brackets how many times as long as v128's: below 1 the peer is
    faster. A dash: the peer has no such operation, or was not asked. \`code\` is the peer's own message.`.replaceAll(
      /\s+/g,
      ' ',
    ),
    ...tables,
    notes.map((note, i) => `<sup>${i + 1}</sup> ${note}.`).join(' '),
    [...new Set(sides.flatMap(({ name, remark }) => (remark ? `${name}: ${remark}.` : [])))].join(' '),
  ].join('\n\n')
  return layOut(text)
}

await prepare()
const v128 = { ...(await import('../../dist/index.js')), ...(await import('../../dist/architectures.js')) }
const tasks = [...trainingTasks(v128), ...operations].filter(({ id }) => new RegExp(flags.task, 'i').test(id))
const sides = peers
  .flatMap((peer) => peer.dtypes.map((dtype) => ({ ...peer, dtype, results: {} })))
  .filter(({ name, dtype }) => new RegExp(flags.only, 'i').test(`${name} ${dtype}`))

for (let round = 1; round <= rounds; round++) {
  for (const side of sides) {
    // What failed, is missing or takes long is not tried again.
    const wanted = tasks.filter(({ id }) => {
      const { ms, error } = side.results[id] ?? {}
      return round === 1 || (!error && ms.length > 0 && ms[0] < ONCE)
    })
    await runSide(side, wanted, round)
  }
}
checkLosses(sides)
summarise(sides)

const date = new Date().toISOString().slice(0, 10)
const machine = { cpu: cpus()[0].model.trim(), cpus: cpus().length, os: `${platform()} ${release()}` }
const versions = { node: process.version, v8: process.versions.v8 }
const words = rounds === 1 ? 'one round' : `medians of ${rounds} rounds of whole processes`
const text = await report(
  sides,
  tasks,
  `Measured on ${date}: ${machine.cpu}, Node ${process.version}, one thread, ${words}, by \`npm run bench:peers\`.`,
)
console.log(text)

if (flags.quick || flags.only || flags.task) {
  say('A part of a run: results.json and bench/README.md stay as they are\n')
} else {
  const prettier = await import('prettier')
  const results = sides.map(({ name, dtype, version, notes, remark, results: figures }) => ({
    peer: name,
    dtype,
    version,
    notes,
    remark,
    tasks: figures,
  }))
  const json = JSON.stringify({ date, machine, versions, rounds, limits, results })
  writeFileSync(`${here}results.json`, await prettier.format(json, { parser: 'json', printWidth: 120 }))
  writeReadme('bench:peers', text)
  say('Wrote results.json and bench/README.md\n')
}
say(`${clock(performance.now() - start)} in all\n`)
