// npm run bench:threads [-- --threads 2 --rounds 5 --only REGEX --readme]
//
// What threads are worth: whole training steps of v128 on one thread and on several, and of PyTorch on as many. Each
// figure comes from a process of its own with one network, warmed up for a second and measured for two. In each round
// the sides take turns, network by network, since the speed of a machine drifts; what is told are ratios within a round.
// All sides train the same network from the same weights, or the run says so. With --threads 1, v128 beside PyTorch on
// one. --readme writes what a whole run prints between the markers of bench/README.md.
//
// How PyTorch's threads wait for each other, and whether OpenBLAS has threads beside OpenMP's, decides how fast it is;
// which is best depends on the network, and on what else the machine does. In the first round it tries all ways, and
// keeps the fastest for each network.
//
// Networks are matched as 'MNIST CNN, batch 64, float32'.

import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as architectures from '../dist/architectures.js'
import * as v128 from '../dist/index.js'
import { titleOf, trainingTasks } from './networks.mjs'
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
  table,
  writeReadme,
} from './peers/processes.mjs'

const { values: flags } = parseArgs({
  options: {
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    readme: { type: 'boolean', default: false },
  },
})
const [threads, rounds] = ['threads', 'rounds'].map((name) => {
  const value = Number(flags[name])
  if (Number.isInteger(value) && value >= 1) return value
  throw new Error(`--${name} takes a whole number from 1, not ${flags[name]}`)
})
if (flags.readme && flags.only) throw new Error('--readme takes a whole run: leave out --only, or --readme')

const limits = { time: 2000, slow: 1e9, slower: 1e9 }
const silence = 120_000
const DTYPES = ['float64', 'float32']

/** With two threads: how many times as fast as with one, and as PyTorch in float64 and in float32. */
const wanted = {
  'MNIST CNN': [1.7, 1.5, 1.2],
  'CIFAR ResNet-20': [1.8, 1.5, 1],
  'MobileNetV2 at 96x96': [1.6, 1.3, 0.9],
  'MLP 784-256-128-10': [1.3, 0.8, 0.7],
  'four 3x3 convolutions, two dense, 3x32x32': [1.8, 1.5, 1],
}

const many = threads === 1 ? '1 thread' : `${threads} threads`
const ours = { command: node(fileURLToPath(new URL('train.mjs', import.meta.url))) }
const torch = findTorch()
const waiting = threads > 1 ? [{}, { OMP_WAIT_POLICY: 'passive' }] : [{}]
const blas = threads > 1 ? [{}, { OPENBLAS_NUM_THREADS: '1' }] : [{}]
const ways = waiting.flatMap((wait) => blas.map((own) => ({ ...torch.environment, ...wait, ...own })))
const sides = [
  ...(threads > 1 ? [{ title: 'v128, 1 thread', ...ours, threads: 1, ways: [{}] }] : []),
  { title: `v128, ${many}`, ...ours, threads, ways: [{}] },
  ...(torch.missing ? [] : [{ title: `PyTorch, ${many}`, ...torch, threads, ways }]),
]
const [single, several, peer] = threads > 1 ? sides : [undefined, ...sides]

/** A network in one precision; of each side its error, or what each round gave. */
const cases = trainingTasks({ ...v128, ...architectures })
  .flatMap((task) => DTYPES.map((dtype) => ({ task, dtype, results: new Map() })))
  .filter(({ task, dtype }) => new RegExp(flags.only, 'i').test(`${titleOf(task.network)}, ${dtype}`))
if (cases.length === 0)
  throw new Error(`--only ${flags.only} matches no network, such as 'MNIST CNN, batch 64, float32'`)

const start = performance.now()
const total = cases.length * (sides.flatMap((side) => side.ways).length + (rounds - 1) * sides.length)
let done = 0

function tell(round) {
  const left = ((performance.now() - start) / done) * (total - done)
  const line = `round ${round} of ${rounds}, process ${done} of ${total}, ${clock(left)} left`
  if (process.stderr.isTTY) process.stderr.write(`\r${line.padEnd(60)}${done === total ? '\n' : ''}`)
  else if (done % cases.length === 0) process.stderr.write(`${line}\n`)
}

/** A process of a side: its figures, or its error. */
async function run(side, { task, dtype }, environment) {
  let said = { error: 'ended before its time' }
  const trouble = await runChild({ ...side, dtype, environment }, { tasks: [task], limits, silence }, (line) => {
    if (line.version) side.version = line.version
    if (line.task) said = line
    if (line.failed) said = { error: line.failed }
  })
  return trouble ? { error: trouble } : said
}

/** What is wrong with the losses of a side. v128's are the same bits with any number of threads. */
function wrong(side, losses, want) {
  const same = side === peer ? sameLosses(losses, want) : losses.every((loss, i) => loss === want[i])
  return same ? undefined : `trains something else: losses ${losses.join(', ')}, not ${want.join(', ')}`
}

/** One figure of a side; in the first round, the best of the ways that it has. */
async function turn(side, network, round) {
  const { results } = network
  if (!results.has(side)) results.set(side, { turns: [], ways: side.ways })
  const result = results.get(side)
  const tried = []
  for (const way of result.ways) {
    if (!result.error) tried.push({ way, ...(await run(side, network, way)) })
    done++
    tell(round)
  }
  const best = tried.filter(({ ms }) => ms !== undefined).toSorted((a, b) => a.ms - b.ms)[0]
  if (best) {
    result.turns[round - 1] = best
    result.ways = [best.way]
    network.losses ??= best.losses
    result.error ??= wrong(side, best.losses, network.losses)
  } else result.error ??= tried[0].error
}

for (let round = 1; round <= rounds; round++) {
  for (const network of cases) {
    // Who begins changes, and v128 gives the losses that others are compared with.
    const order = round % 2 ? sides : sides.toReversed()
    for (const side of order) await turn(side, network, round)
  }
}

// ---- what is told ----

const figure = (x) => x.toFixed(2)

/** How many times as fast a side is as another, median and middle half of the rounds. */
function ratio({ results }, side, beside) {
  const [mine, other] = [results.get(side), results.get(beside)]
  const error = mine.error ?? other.error
  if (error) return '–'
  const ratios = mine.turns.map(({ ms }, round) => other.turns[round].ms / ms)
  const [low, middle, high] = [0.25, 0.5, 0.75].map((share) => figure(quantile(ratios, share)))
  return rounds > 1 ? `${middle} (${low} to ${high})` : middle
}

/** The median of the rounds, and the least of all samples. */
function milliseconds({ results }, side) {
  const { error, turns } = results.get(side)
  if (error) return `\`${shorten(error, 60)}\``
  const median = quantile(
    turns.map(({ ms }) => ms),
    0.5,
  )
  return `${format(median)} (${format(Math.min(...turns.map(({ least }) => least)))})`
}

const names = [...new Set(cases.map(({ task }) => task.network))]
/** The cells of a network in both precisions. */
const both = (network, cell) =>
  DTYPES.map((dtype) => {
    const found = cases.find(({ task, dtype: own }) => task.network === network && own === dtype)
    return found ? cell(found) : '–'
  })
const atLeast = (list) => (threads === 2 ? [list.map((x) => `≥ ${x}`).join(' / ')] : [])

const columns = [
  ...(single ? [[`${threads} threads against 1`, (c) => ratio(c, several, single), (w) => w.slice(0, 1)]] : []),
  ...(peer ? [[`against PyTorch with ${many}`, (c) => ratio(c, several, peer), (w) => w.slice(1)]] : []),
]
const speeds = table(
  ['network', ...columns.flatMap(([title]) => [`${title}, f64 / f32`, ...(threads === 2 ? ['wanted'] : [])])],
  names.map((network) => [
    titleOf(network),
    ...columns.flatMap(([, cell, want]) => [both(network, cell).join(' / '), ...atLeast(want(wanted[network] ?? []))]),
  ]),
)
const times = table(
  ['ms a step', ...sides.flatMap(({ title }) => DTYPES.map((dtype) => `${title}, ${dtype}`))],
  names.map((network) => [
    titleOf(network),
    ...sides.flatMap((side) => both(network, (found) => milliseconds(found, side))),
  ]),
)

const words = rounds === 1 ? 'one round' : `${rounds} rounds`
const text = await layOut(
  [
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus()[0].model.trim()}, ${cpus().length} cores, Node
    ${process.version}, ${peer ? `PyTorch ${peer.version}` : 'without PyTorch, which is not installed'}, ${words} of
    whole processes, by \`npm run bench:threads\`. How many times as fast: median, and the middle half, of the ratios of
    the rounds; above 1 v128 on ${many} is the faster.`.replaceAll(/\s+/g, ' '),
    ...(columns.length > 0 ? [speeds] : []),
    'Milliseconds a training step: the median, and in brackets the least.',
    times,
    [
      ...(peer && ways.length > 1 ? ['its threads wait, for each network, in the way that was the fastest'] : []),
      ...(peer?.remark ? [peer.remark] : []),
    ]
      .map((remark) => `PyTorch: ${remark}.`)
      .join(' '),
  ].join('\n\n'),
)
console.log(text)
for (const { task, dtype, results } of cases) {
  for (const [{ title }, { error }] of results) {
    if (error) process.stderr.write(`${titleOf(task.network)}, ${dtype}, ${title}: ${error}\n`)
  }
}
if (flags.readme) writeReadme('bench:threads', `## On several threads\n\n${text}`)
process.stderr.write(`${clock(performance.now() - start)} in all\n`)
