// npx v128: a search from a shell, its workers, and how far it is.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, parse, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import {
  type SearchOptions,
  type SearchStatus,
  type Space,
  type Store,
  fileStore,
  search,
  searchPicture,
  searchStatus,
  searchTable,
  work,
} from '../entries/node'
import { show } from '../errors'
import { machineText, withoutPasswords } from '../search/texts'
import { createBar } from './bar'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const HELP = `v128 ${version}: a hyperparameter search, on this machine or on many

  v128 search MODULE   searches: MODULE exports space and run(trial, report, checkpoint)
  v128 work MODULE     runs trials of a search, here or elsewhere; start as many as you like
  v128 status          how far a search is; with --watch, until it is done

where it is kept
  --store ADDRESS      a file that processes or machines share, redis://..., or postgres://...; else the environment's
                       V128_STORE; without one, search runs all trials itself, and keeps runs/MODULE.jsonl
  --name NAME          one of many searches in a Redis or Postgres (search)
  --queue              trials are jobs of BullMQ, or of pg-boss, that people can watch

search (MODULE may export defaults of these: options = { trials: 40, rounds: 2, earlyStopping: { rule: 'median' } })
  --trials N  --seed N  --rounds N  --goal low|high  --mode random|grid  --points N
  --early-stopping median|halving  --grace N  --least N  --factor X
  --workers N          worker threads here (all cores; with a store none)
  --verify SHARE       about so many of the trials run twice, on different workers: 0.05
  --anew               forgets what is kept of this search, and begins anew
  --table N            so many trials at the end (10)   --picture FILE.svg

work
  --workers N          trials at once (1)
  --lease SECONDS      after such a silence others take its trials (30)

Ctrl-C ends any of them; the same command goes on.
`

const FLAGS = {
  store: 'string',
  name: 'string',
  queue: 'boolean',
  trials: 'string',
  seed: 'string',
  rounds: 'string',
  goal: 'string',
  mode: 'string',
  points: 'string',
  'early-stopping': 'string',
  grace: 'string',
  least: 'string',
  factor: 'string',
  workers: 'string',
  verify: 'string',
  anew: 'boolean',
  table: 'string',
  picture: 'string',
  lease: 'string',
  watch: 'boolean',
  help: 'boolean',
  version: 'boolean',
} as const
type Flag = keyof typeof FLAGS
type Values = { [K in Flag]?: (typeof FLAGS)[K] extends 'boolean' ? boolean : string }

/** The flags of each command. */
const COMMANDS: Record<string, readonly Flag[]> = {
  search: [
    ...(['store', 'name', 'queue', 'trials', 'seed', 'rounds', 'goal', 'mode', 'points', 'early-stopping'] as const),
    ...(['grace', 'least', 'factor', 'workers', 'verify', 'anew', 'table', 'picture'] as const),
  ],
  work: ['store', 'name', 'queue', 'workers', 'lease'],
  status: ['store', 'name', 'queue', 'watch', 'table'],
}

/** What was typed wrongly: the message says all. */
class Usage extends Error {}

const controller = new AbortController()
const { signal } = controller

async function main(): Promise<number> {
  const { values, positionals } = read()
  const [command, ...rest] = positionals
  if (values.version) return tell(version)
  if (values.help || command === undefined) return tell(HELP)
  const flags = COMMANDS[command]
  if (!flags) throw new Usage(`there is no command ${show(command)}; there are search, work and status`)
  for (const flag of Object.keys(values) as Flag[]) {
    if (!flags.includes(flag)) throw new Usage(`--${flag} is none of ${command}, which has --${flags.join(', --')}`)
  }
  const wanted = command === 'status' ? 0 : 1
  if (rest.length !== wanted) {
    throw new Usage(
      wanted
        ? `${command} wants a module: v128 ${command} trial.js; got ${rest.length ? rest.join(' ') : 'none'}`
        : `status wants no module, got ${rest.join(' ')}`,
    )
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort())
  if (command === 'search') return runSearch(rest[0], values)
  if (command === 'work') return runWork(rest[0], values)
  return runStatus(values)
}

function read(): { values: Values; positionals: string[] } {
  try {
    const options = Object.fromEntries(Object.entries(FLAGS).map(([name, type]) => [name, { type }]))
    // A number below 0 is no flag: that it cannot be is said with what may be.
    const args = process.argv.slice(2).reduce<string[]>((all, arg) => {
      if (/^-\d/.test(arg) && all.at(-1)?.startsWith('--')) all.push(`${all.pop()}=${arg}`)
      else all.push(arg)
      return all
    }, [])
    return parseArgs({ args, options, allowPositionals: true }) as { values: Values; positionals: string[] }
  } catch (error) {
    throw new Usage((error as Error).message)
  }
}

function tell(text: string): number {
  console.log(text)
  return 0
}

/** The number that a flag was given. */
function number(values: Values, flag: Flag): number | undefined {
  const text = values[flag]
  if (text === undefined) return undefined
  const value = Number(text)
  if (typeof text !== 'string' || text.trim() === '' || !Number.isFinite(value)) {
    throw new Usage(`--${flag} wants a number, got ${show(text)}`)
  }
  return value
}

/** The address of the store, if there is one. */
function addressOf({ store }: Values): string | undefined {
  return store ?? (process.env.V128_STORE || undefined)
}

async function openStore(address: string, { name = 'search', queue = false }: Values): Promise<Store> {
  if (/^rediss?:\/\//i.test(address)) {
    const { bullmqStore } = await import('../entries/bullmq')
    const { redisStore } = await import('../entries/redis')
    return queue ? bullmqStore(address, { name }) : redisStore(address, { name })
  }
  if (/^postgres(ql)?:\/\//i.test(address)) {
    const { pgBossStore } = await import('../entries/pg-boss')
    const { postgresStore } = await import('../entries/postgres')
    return queue ? pgBossStore(address, { name }) : postgresStore(address, { name })
  }
  if (/^[a-z+]{2,}:\//i.test(address)) {
    throw new Usage(`--store wants a file, redis://... or postgres://..., got ${show(address)}`)
  }
  if (queue) throw new Usage('--queue wants a store in Redis (BullMQ) or Postgres (pg-boss); a file has no queue')
  return fileStore(address)
}

/** What a module exports that says what is searched. */
interface Module {
  readonly space?: Space
  readonly options?: object
}

async function load(module: string): Promise<Module & { url: URL }> {
  if (!existsSync(module)) throw new Usage(`there is no file ${module}`)
  const url = pathToFileURL(resolve(module))
  const loaded = await import(url.href).catch((error: unknown) => {
    if (!(error instanceof SyntaxError)) throw error
    throw new Usage(`${module} cannot be loaded: ${error.message}; is it an ES module (.mjs, or "type": "module")?`)
  })
  return { ...(loaded as Module), url }
}

/** Whether options say how many trials there are. */
function hasExtent(options: object | undefined): boolean {
  return options !== undefined && ('trials' in options || (options as { mode?: unknown }).mode === 'grid')
}

async function runSearch(path: string, values: Values): Promise<number> {
  const { space, options, url } = await load(path)
  if (!space) throw new Usage(`${path} exports no space, such as { learningRate: logUniform(1e-4, 1) }`)
  const address = addressOf(values)
  const store = address === undefined ? undefined : await openStore(address, values)
  const file = store ? undefined : `runs/${parse(path).name}.jsonl`
  if (values.anew) await (store ?? fileStore(file!)).clear()
  const table = number(values, 'table') ?? 10
  const ruleOf = (options as { earlyStopping?: { rule?: string } } | undefined)?.earlyStopping
  const rule = values['early-stopping'] ?? ruleOf?.rule
  const ofRule = (['grace', 'least', 'factor'] as const).find((flag) => values[flag] !== undefined)
  if (ofRule && !rule) throw new Usage(`--${ofRule} wants --early-stopping median or halving`)
  const given = {
    ...options,
    ...pick({
      trials: number(values, 'trials'),
      seed: number(values, 'seed'),
      rounds: number(values, 'rounds'),
      points: number(values, 'points'),
      goal: values.goal,
      mode: values.mode,
      workers: number(values, 'workers'),
      verify: number(values, 'verify'),
      earlyStopping: rule && {
        // Another rule has other figures.
        ...(rule === ruleOf?.rule && ruleOf),
        rule,
        ...pick({
          grace: number(values, 'grace'),
          least: number(values, 'least'),
          factor: number(values, 'factor'),
        }),
      },
    }),
  }
  if (number(values, 'trials') === undefined && !hasExtent(options) && values.mode !== 'grid') {
    throw new Usage('search wants --trials, or a module that exports options = { trials: 40 }')
  }
  const bar = createBar()
  const timer = store && setInterval(() => void alive(store).then(bar.workers, () => {}), 1000)
  let result
  try {
    result = await search({
      ...given,
      space,
      worker: url,
      ...(store ? { store } : { file }),
      signal,
      onProgress: (progress) => bar.update(progress),
    } as SearchOptions<Space>)
  } finally {
    clearInterval(timer)
    bar.stop()
    await store?.close().catch(() => {})
  }
  console.log(searchTable(result, { limit: table }))
  if (result.rounds.length > 1) {
    for (const [i, round] of result.rounds.entries()) console.log(`round ${i + 1}: ${spaceText(round.space)}`)
  }
  if (values.picture && result.trials.length) {
    mkdirSync(dirname(resolve(values.picture)), { recursive: true })
    writeFileSync(values.picture, searchPicture(result, { title: parse(path).name }))
    console.log(values.picture)
  }
  if (result.aborted) {
    console.log(`stopped; the same command goes on${store ? ', and workers did not stop' : ''}`)
    return 130
  }
  if (result.best) console.log(`best: trial ${result.best.index}, ${JSON.stringify(result.best.parameters)}`)
  if (file && !values.store) console.log(`all trials: ${file}`)
  if (result.verified) console.log(`${result.verified} trials ran twice, to the same end`)
  return differences(result)
}

/** Says which trials did not end twice in the same way. */
function differences({ differences }: Pick<SearchStatus, 'differences'>): number {
  for (const { trial, endings } of differences) {
    const [one, other] = endings.map((end) => `${end.status} ${end.score ?? ''} on ${machineText(end.machine)}`)
    console.error(`trial ${trial} is not the same twice: ${one}; ${other}`)
  }
  return differences.length ? 1 : 0
}

function pick(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

function spaceText(space: Space): string {
  const short = (value: number) => String(Number(value.toPrecision(3)))
  return Object.entries(space)
    .map(([name, dimension]) =>
      dimension.kind === 'choice'
        ? `${name} ${dimension.values.map((value) => show(value)).join(' or ')}`
        : `${name} ${short(dimension.low)} to ${short(dimension.high)}`,
    )
    .join(', ')
}

async function alive(store: Store): Promise<number> {
  return (await store.beats()).filter(({ left }) => left > 0).length
}

async function runWork(path: string, values: Values): Promise<number> {
  const address = addressOf(values)
  if (address === undefined) throw new Usage('work wants --store, the address that search was given')
  if (!existsSync(path)) throw new Usage(`there is no file ${path}`)
  const figures = pick({ workers: number(values, 'workers'), lease: number(values, 'lease') })
  const store = await openStore(address, values)
  try {
    const waits = (await store.read(0)).length ? '' : ': no search has begun there yet, waits for one'
    console.log(`works on ${store.name}${waits}`)
    const { trials, aborted } = await work({
      store,
      worker: pathToFileURL(resolve(path)),
      ...figures,
      signal,
      onTrial({ index, status, score, seconds, error }) {
        const what = error === undefined ? `${status} ${Number(score.toPrecision(6))}` : `${status}: ${error}`
        console.log(`trial ${index}: ${what}, ${seconds} s`)
      },
    })
    console.log(
      aborted ? `stopped after ${trials} trials; what was in work others go on with` : `done: ${trials} trials here`,
    )
    return aborted ? 130 : 0
  } finally {
    await store.close().catch(() => {})
  }
}

async function runStatus(values: Values): Promise<number> {
  const address = addressOf(values)
  if (address === undefined) throw new Usage('status wants --store, the address that search was given')
  const limit = number(values, 'table')
  const store = await openStore(address, values)
  try {
    let status = await searchStatus(store)
    if (values.watch) {
      const bar = createBar()
      const begun = performance.now()
      const before = status?.trials.length ?? 0
      while (!signal.aborted && !status?.done) {
        if (status) bar.update(progressOf(status, before, (performance.now() - begun) / 1000))
        await new Promise<void>((done) => {
          const timer = setTimeout(done, 1000)
          signal.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true })
        })
        status = await searchStatus(store)
      }
      if (status) bar.update(progressOf(status, before, (performance.now() - begun) / 1000))
      bar.stop()
    }
    if (!status) return tell(`${store.name}: no search has begun`)
    const { trials, total, best, workers, rounds, done } = status
    const failed = trials.filter((trial) => trial.status === 'failed' || trial.status === 'diverged').length
    const stopped = trials.filter((trial) => trial.status === 'stopped').length
    console.log(
      `${store.name}: ${trials.length} of ${total} trials have ended, ${stopped} of them early, ${failed} failed or diverged` +
        `${rounds.length > 1 ? `; round ${rounds.length}` : ''}${done ? '; done' : ''}`,
    )
    if (best) console.log(`best: ${best.score}, trial ${best.index}, ${JSON.stringify(best.parameters)}`)
    console.log(`${workers.length} workers live`)
    for (const worker of workers) {
      const what = worker.trials.length ? `trial ${worker.trials.join(', ')}` : 'waits'
      console.log(`  ${machineText(worker)}: ${what}`)
    }
    if (limit && trials.length) console.log(searchTable({ ...status, aborted: false }, { limit }))
    return differences(status)
  } finally {
    await store.close().catch(() => {})
  }
}

function progressOf({ trials, total, best, workers, unverified }: SearchStatus, before: number, seconds: number) {
  const rate = trials.length > before ? (trials.length - before) / seconds : NaN
  const left = (total - trials.length) / rate
  return {
    done: trials.length,
    total,
    best,
    workers: workers.length,
    trialsPerMinute: 60 * rate,
    secondsLeft: left,
    unverified,
  }
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    const { name, message, stack } = error as Error
    const says = error instanceof Usage || ['PlanError', 'FileError', 'DataError'].includes(name)
    console.error(`v128: ${withoutPasswords(says ? message : (stack ?? String(error)))}`)
    if (error instanceof Usage) console.error('v128 --help says more')
    process.exitCode = error instanceof Usage ? 2 : 1
  },
)
