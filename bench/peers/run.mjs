// npm run bench:peers [-- --rounds 3 --quick --only REGEX --task REGEX]
//
// v128 beside what a user would pick instead: one run, one machine, one thread. In each round every side (a peer in one
// precision) is a process of its own, one after the other, that runs each task warmed up and gives the median of its
// samples; a figure is the median of the rounds, its spread (max - min) / median. A whole run writes results.json and
// the tables between the markers of bench/README.md; a part of one (--quick, --only, --task) only prints them.
//
// Peers are matched as 'PyTorch float32', tasks by their titles in tasks.mjs.

import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, platform, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { tasks as allTasks } from './tasks.mjs'

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
const SILENCE = flags.quick ? 20_000 : 30_000
/** A task slower than this (ms) is not repeated in later rounds. */
const ONCE = 500

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const python = '/usr/bin/python3'
const bundle = `${here}node_modules/v128.mjs`

// Optimised at once: as a module starts in V8's baseline tier, two to three times slower, whether and when a function
// leaves it depends on how busy the machine is.
const node = (file) => [process.execPath, '--no-liftoff', '--disable-warning=ExperimentalWarning', file]
// The allocator kept from giving memory back to the system after each operation, which costs PyTorch a third.
const environment = {
  ...process.env,
  MALLOC_MMAP_THRESHOLD_: '4294967296',
  MALLOC_TRIM_THRESHOLD_: '8589934592',
  MALLOC_TOP_PAD_: '268435456',
  OMP_NUM_THREADS: '1',
  OPENBLAS_NUM_THREADS: '1',
}
const both = ['float32', 'float64']

const peers = [
  { name: 'v128', dtypes: both, command: node(bundle), options: { backend: 'wasm' } },
  { name: 'v128 js', dtypes: both, command: node(bundle), options: { backend: 'js' } },
  { name: 'PyTorch', dtypes: both, command: [python, `${here}pytorch.py`], ...findTorch() },
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

/**
 * Why PyTorch cannot run, or what it needs to run well: OpenBLAS takes a processor that is newer than itself for a
 * Prescott of 2004, with SSE3 only, and is then several times slower than it could be. It is told a better one.
 */
function findTorch() {
  const env = { ...environment, OPENBLAS_VERBOSE: '2' }
  const { status, stdout, stderr } = spawnSync(python, ['-c', 'import torch'], { env, encoding: 'utf8' })
  if (status !== 0) return { missing: 'not installed' }
  if (!/Core: Prescott/.test(stdout + stderr)) return {}
  const has = (flag) => new RegExp(`^flags.*\\b${flag}\\b`, 'm').test(readFileSync('/proc/cpuinfo', 'utf8'))
  const core = ['avx512bw', 'avx512dq', 'avx512vl'].every(has) ? 'SkylakeX' : has('avx2') ? 'Haswell' : ''
  if (!core) return {}
  const remark = `its OpenBLAS does not know this processor and runs as for a ${core}, the nearest that it knows`
  return { environment: { OPENBLAS_CORETYPE: core }, remark }
}

const start = performance.now()
function say(text) {
  process.stderr.write(text)
}
function clock() {
  const seconds = Math.round((performance.now() - start) / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
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

/**
 * One process: `hear` gets each line it says. Resolves to undefined when it is done, to why not when it crashed or hung.
 */
function runChild({ command, options, dtype, environment: own }, tasks, hear) {
  return new Promise((resolve) => {
    const [program, ...args] = [...command, JSON.stringify({ ...options, dtype, tasks, limits })]
    const child = spawn(program, args, {
      cwd: here,
      env: { ...environment, ...own },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [rest, complaint, hung] = ['', '', false]
    const stop = () => {
      hung = true
      child.kill('SIGKILL')
    }
    let timer = setTimeout(stop, SILENCE)
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      // Libraries print lines of their own.
      for (const line of lines.filter((l) => l.startsWith('{"'))) {
        clearTimeout(timer)
        timer = setTimeout(stop, SILENCE)
        hear(JSON.parse(line))
      }
    })
    child.stderr.setEncoding('utf8').on('data', (text) => (complaint = (complaint + text).slice(-2000)))
    child.on('error', (error) => (complaint = error.message))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const said = complaint.split('\n').findLast((line) => /error/i.test(line)) ?? complaint.trim()
      if (hung) resolve(`stopped after ${SILENCE / 1000} s`)
      else resolve(code === 0 ? undefined : said || `ended with ${signal ?? code}`)
    })
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
  const begin = (id) => say(`${clock().padStart(6)}  round ${round}/${rounds}  ${side.name} ${side.dtype}  ${id}  `)
  const failAll = (error) => {
    for (const { id } of left) {
      begin(id)
      record(id, { error })
    }
  }
  if (side.missing) failAll(side.missing)
  while (left.length > 0) {
    let current
    const trouble = await runChild(side, left, (line) => {
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

function median(list) {
  const sorted = list.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Three digits that matter. */
function format(x) {
  if (x >= 1000) return String(Math.round(x))
  return x.toFixed(x >= 100 ? 0 : x >= 10 ? 1 : x >= 1 ? 2 : 3)
}

function shorten(message, length) {
  // onnxruntime's own prefix says nothing
  const line = message
    .replace(/^Can't create a session\. ERROR_CODE: \d+, ERROR_MESSAGE: (Fatal error: )?/, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[`|]/g, "'")
    .trim()
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}

/** Median, spread and ratio to v128 of each figure. */
function summarise(sides) {
  for (const side of sides) {
    const reference = sides.find(({ name, dtype }) => name === 'v128' && dtype === side.dtype)
    for (const [id, result] of Object.entries(side.results)) {
      if (result.ms.length === 0) continue
      result.median = median(result.ms)
      result.spread = (Math.max(...result.ms) - Math.min(...result.ms)) / result.median
      const ours = reference?.results[id]?.ms ?? []
      if (ours.length > 0) result.ratio = result.median / median(ours)
    }
  }
}

/** Whether every side that says so trained the same network: its first two losses are v128's. */
function checkLosses(sides) {
  const ours = sides.find(({ name }) => name === 'v128')
  for (const side of sides) {
    for (const [id, { losses }] of Object.entries(side.results)) {
      const want = ours?.results[id]?.losses
      if (want && losses?.some((loss, i) => !(Math.abs(loss - want[i]) < 1e-3 * want[i]))) {
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
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(['ms a call', ...sides.map(title)]), line(['---', ...sides.map(() => '---:')]), ...rows.map(line)].join(
    '\n',
  )
}

/** Markdown as prettier lays it out. */
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
  const prettier = await import('prettier')
  return prettier.format(text, { parser: 'markdown' })
}

/** Replaces what stands between the markers. */
function writeReadme(text) {
  const file = `${root}/bench/README.md`
  const readme = readFileSync(file, 'utf8')
  const [open, close] = ['<!-- bench:peers -->', '<!-- /bench:peers -->']
  const [from, to] = [readme.indexOf(open), readme.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`${file} has lost its markers`)
  writeFileSync(file, `${readme.slice(0, from + open.length)}\n\n${text.trim()}\n\n${readme.slice(to)}`)
}

const tasks = allTasks.filter(({ id }) => new RegExp(flags.task, 'i').test(id))
const sides = peers
  .flatMap((peer) => peer.dtypes.map((dtype) => ({ ...peer, dtype, results: {} })))
  .filter(({ name, dtype }) => new RegExp(flags.only, 'i').test(`${name} ${dtype}`))

await prepare()
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
  const { format: layOut } = await import('prettier')
  const results = sides.map(({ name, dtype, version, notes, remark, results: figures }) => ({
    peer: name,
    dtype,
    version,
    notes,
    remark,
    tasks: figures,
  }))
  const json = JSON.stringify({ date, machine, versions, rounds, limits, results })
  writeFileSync(`${here}results.json`, await layOut(json, { parser: 'json', printWidth: 120 }))
  writeReadme(text)
  say('Wrote results.json and bench/README.md\n')
}
say(`${clock()} in all\n`)
