// node test/machines/run.mjs [--trials N] [--store redis|bullmq|postgres|pg-boss] [--calm]: a search over eight workers on
// three hosts (network namespaces), as hostile as a week of a real cluster: every second one worker is killed, every 20
// seconds the network of a host is cut for longer than a lease, once the database is started anew. At the end the result
// must be that of one machine. With --calm nothing is broken, and the figures are of speed.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import cliProgress from 'cli-progress'
import { createRandom } from 'v128'
import { search } from 'v128/node'
import { bullmqStore } from 'v128/bullmq'
import { pgBossStore } from 'v128/pg-boss'
import { postgresStore } from 'v128/postgres'
import { redisStore } from 'v128/redis'
import { HERE, commandOn, createHosts, removeHosts, setNetwork } from './hosts.mjs'
import { startPostgres, startRedis } from '../support/servers.js'
import { space } from './trial.js'

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '1000' },
    store: { type: 'string', default: 'bullmq' },
    calm: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
  },
})
const open = { redis: redisStore, bullmq: bullmqStore, postgres: postgresStore, 'pg-boss': pgBossStore }[values.store]
assert(open, `--store ${values.store}: there are redis, bullmq, postgres and pg-boss`)
const isRedis = ['redis', 'bullmq'].includes(values.store)
const queue = ['bullmq', 'pg-boss'].includes(values.store) ? ['--queue'] : []

const WORKERS = 8
const HOSTS = ['h1', 'h2', 'h3']
/** Seconds. */
const LEASE = 3
const CUT = 5

const module = new URL('trial.js', import.meta.url)
const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url))
const options = {
  space,
  trials: Number(values.trials),
  rounds: 2,
  seed: 7,
  earlyStopping: { rule: 'median', grace: 3 },
}

function createBar(what) {
  const bar = new cliProgress.SingleBar(
    {
      format: `${what} {bar} {value}/{total}, {rate} a minute, {left} s left, best {best}, {workers} workers`,
      noTTYOutput: true,
      notTTYSchedule: 15_000,
      barsize: 20,
    },
    cliProgress.Presets.shades_classic,
  )
  let begun = false
  return {
    onProgress({ done, total, best, trialsPerMinute, secondsLeft, workers }) {
      const figures = {
        best: best?.score.toFixed(4) ?? '-',
        rate: done ? trialsPerMinute.toFixed(0) : '-',
        left: done ? secondsLeft.toFixed(0) : '-',
        workers,
      }
      if (begun) bar.update(done, figures)
      else bar.start(total, done, figures)
      begun = true
    },
    stop: () => bar.stop(),
  }
}

/** What does not depend on times. */
const outcome = ({ trials, rounds, best }) => ({
  rounds,
  best: { ...best, seconds: 0 },
  trials: trials.map((trial) => ({ ...trial, seconds: 0 })),
})

async function timed(what, action) {
  const bar = createBar(what)
  const begun = performance.now()
  try {
    const result = await action(bar.onProgress)
    return { result, seconds: (performance.now() - begun) / 1000 }
  } finally {
    bar.stop()
  }
}

const random = createRandom(Number(values.seed))
let over = false
const counts = { kills: 0, cuts: 0, restarts: 0 }
const workers = new Map()
let store
let server

function startWorker(number) {
  const host = HOSTS[number % HOSTS.length]
  const args = [cli, 'work', fileURLToPath(module), '--store', server.address, '--lease', String(LEASE), ...queue]
  const child = spawn(...commandOn(host, process.execPath, ...args), { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (data) => (said += data))
  workers.set(number, child)
  child.once('exit', (code, signal) => {
    if (code !== 0 && signal === null) console.error(`\nworker ${number} ended with ${code}: ${said}`)
    // What a worker says when it ends by itself is a fault, but for that of a search that is done.
    if (!over && code !== 0) startWorker(number)
  })
}

async function kill() {
  while (!over) {
    await setTimeout(1000)
    const child = workers.get(random.integer(WORKERS))
    // Not the command that entered the namespace: exec has put node in its place.
    if (!over && child.exitCode === null && child.kill('SIGKILL')) counts.kills++
  }
}

async function cut() {
  while (!over) {
    await setTimeout(20_000)
    if (over) return
    const host = HOSTS[counts.cuts % HOSTS.length]
    setNetwork(host, 'down')
    counts.cuts++
    await setTimeout(1000 * CUT)
    setNetwork(host, 'up')
  }
}

async function restart() {
  // When a third of the trials have ended.
  while (!over && (await store.read(0)).filter((line) => line.includes('"status"')).length < options.trials / 3) {
    await setTimeout(500)
  }
  if (over) return
  await server.stop()
  await setTimeout(500)
  await server.start()
  counts.restarts++
}

console.log(`${options.trials} trials: first on two threads of this machine`)
const alone = await timed('alone   ', (onProgress) => search({ ...options, worker: module, workers: 2, onProgress }))
try {
  createHosts(HOSTS)
  server = await (isRedis ? startRedis : startPostgres)(HERE)
  store = await open(server.address)
  console.log(`\nthen by ${WORKERS} workers on ${HOSTS.length} hosts and ${values.store}`)
  for (let i = 0; i < WORKERS; i++) startWorker(i)
  const breaking = values.calm ? [] : [kill(), cut(), restart()]
  const many = await timed('together', (onProgress) =>
    search({ ...options, store, worker: module, verify: 0.05, onProgress }),
  )
  over = true
  const lines = (await store.read(0)).map((line) => JSON.parse(line))
  const results = lines.filter((line) => line.status !== undefined)
  console.log('')
  assert.equal(results.length, options.trials)
  assert.equal(new Set(results.map(({ index }) => index)).size, options.trials)
  assert.deepEqual(outcome(many.result), outcome(alone.result))
  assert.deepEqual(many.result.differences, [])
  const claims = lines.filter(({ type }) => type === 'claim')
  const stopped = many.result.trials.filter(({ status }) => status === 'stopped').length
  console.log(
    `${results.length} results, none missing, none twice, each that of one machine; ${stopped} ended early; ` +
      `${many.result.verified} ran twice, to the same end; ${claims.length} times a trial was taken`,
  )
  console.log(`${counts.kills} kills, ${counts.cuts} cuts of ${CUT} s, ${counts.restarts} restarts; lease ${LEASE} s`)
  console.log(
    `seconds: ${alone.seconds.toFixed(1)} on two threads, ${many.seconds.toFixed(1)} together, ` +
      `ratio ${(many.seconds / alone.seconds).toFixed(2)}`,
  )
  await Promise.all(breaking)
} finally {
  over = true
  for (const child of workers.values()) child.kill('SIGKILL')
  await store?.close()
  await server?.remove()
  removeHosts(HOSTS)
}
