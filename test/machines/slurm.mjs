// node test/machines/slurm.mjs [--trials N]: a search whose workers run in Slurm, by examples/cluster/search.sbatch and by
// srun. One worker is killed, one requeued, one told that its time is over, one preempted by a job that has precedence. At
// the end the tables must be those of a search by itself.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fileStore, searchStatus } from 'v128/node'
import { missing, startSlurm } from './slurm-servers.mjs'

const { values } = parseArgs({ options: { trials: { type: 'string', default: '60' } } })
const trials = Number(values.trials)
const absent = missing()
if (absent.length) {
  console.log(`left out: ${absent.join(', ')} not found; apt-get install slurm-wlm munge`)
  process.exit(process.env.REQUIRE_SERVERS === 'all' ? 1 : 0)
}

const root = fileURLToPath(new URL('../..', import.meta.url))
/** A project as somebody has it: v128 in its node_modules, the script pasted. */
const project = mkdtempSync(join(tmpdir(), 'v128-project-'))
const bin = join(project, 'node_modules/.bin')
mkdirSync(bin, { recursive: true })
symlinkSync(root, join(project, 'node_modules/v128'))
symlinkSync('../v128/dist/cli.js', join(bin, 'v128'))
copyFileSync(join(root, 'examples/cluster/search.sbatch'), join(project, 'search.sbatch'))
const TRIAL = join(root, 'test/machines/trial.js')
const V128_STORE = join(project, 'search.jsonl')

const children = new Set()
/** Starts a command in the project; gives what it printed, once it has ended. */
function start(env, name, ...argv) {
  const child = spawn(name, argv, { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr']) child[stream].on('data', (data) => (said[stream] += data))
  return new Promise((done) => {
    child.once('close', (code) => {
      children.delete(child)
      done({ code, ...said })
    })
  })
}

const SEARCH = ['search', TRIAL, '--trials', `${trials}`, '--rounds', '2', '--seed', '7', '--early-stopping', 'median']
const table = ['--grace', '3', '--table', `${trials}`]
/** The tables that a search prints, without seconds: the last column. */
const tablesOf = ({ code, stdout, stderr }) => {
  assert.equal(code, 0, stderr)
  const lines = stdout.split('\n').filter((line) => /^ *(rank|\d+) +(trial|\d+) |^round |^best: /.test(line))
  assert.equal(lines.filter((line) => /^ *\d+ +\d+ /.test(line)).length, trials, stdout)
  return lines.map((line) => (/^(round|best)/.test(line) ? line : line.replace(/ +\S+$/, '')))
}

const since = performance.now()
let slurm
try {
  const v128 = join(bin, 'v128')
  const alone = await start(process.env, v128, ...SEARCH, ...table, '--workers', '2')
  const expected = tablesOf(alone)

  slurm = await startSlurm(3)
  const { command } = slurm
  const env = { ...slurm.env, V128_STORE }
  const store = fileStore(V128_STORE)
  const log = async () => (await store.read(0)).map((line) => JSON.parse(line))
  const wait = async (what, isSo) => {
    for (let i = 0; !(await isSo()); i++) {
      if ((await searchStatus(store))?.done) throw new Error(`the search ended before ${what}; --trials ${2 * trials}`)
      if (i === 400) throw new Error(`waited in vain until ${what}: ${await command('squeue', '--all')}`)
      await setTimeout(50)
    }
  }
  const moreResults = async (n) => {
    const results = async () => (await log()).filter(({ status }) => status !== undefined).length
    const wanted = (await results()) + n
    await wait(`it had ${wanted} results`, async () => (await results()) >= wanted)
  }
  /** How often the worker of a job has said something. */
  const times = (what, task) => {
    const path = join(project, `worker-${array}_${task}.log`)
    return existsSync(path) ? readFileSync(path, 'utf8').split(what).length - 1 : 0
  }
  const begun = (task) => times('works on', task)
  const stopped = (task) => times('stopped after', task)

  const work = [TRIAL, '--lease', '3']
  const searching = start(env, v128, ...SEARCH, ...table, '--verify', '0.1')
  const told = await start(env, 'sbatch', '--parsable', '--array=1-3', 'search.sbatch', ...work)
  assert.equal(told.code, 0, told.stderr)
  const array = told.stdout.trim()
  await wait('three workers had begun', () => [1, 2, 3].every((task) => begun(task) === 1))
  await moreResults(2)
  await command('scancel', '--signal=KILL', `${array}_1`)
  await moreResults(2)
  await command('scontrol', 'requeue', `${array}_2`)
  await moreResults(2)
  // As Slurm does by --signal=TERM@30, when the time of a job is nearly over: its steps are told, not its script.
  await command('scancel', '--signal=TERM', `${array}_3`)
  await wait('the third had stopped', () => stopped(3) === 1)
  await wait('both were back', () => begun(2) === 2 && begun(3) === 2)
  await moreResults(2)
  // One CPU is free; a worker must leave the other.
  const urgent = start(env, 'srun', '--partition=urgent', '-n2', v128, 'work', ...work)
  await wait('one worker had made room', () => stopped(2) + stopped(3) === 2)
  const result = await searching
  assert.deepEqual(tablesOf(result), expected)
  const { code, stdout, stderr } = await urgent
  assert.equal(code, 0, stderr)
  assert(/trial \d/.test(stdout) && /done: /.test(stdout), stdout)
  for (const name of readdirSync(project))
    if (name.endsWith('.log')) console.log(`== ${name}\n${readFileSync(join(project, name))}`)
  console.log('== urgent', stdout, stderr)
  const lines = await log()
  const count = (type) => lines.filter((line) => line.type === type).length
  const ran = lines.filter(({ type }) => type === 'again').length
  console.log(
    `${trials} trials in Slurm, the tables of one process: 1 worker killed, 1 requeued, 1 preempted; ` +
      `${count('claim')} claims, ${count('release')} given back, ${ran} ran twice; ` +
      `${((performance.now() - since) / 1000).toFixed(0)} s`,
  )
} catch (error) {
  if (slurm) console.log(await slurm.command('scontrol', 'show', 'job'))
  for (const name of readdirSync(project))
    if (name.endsWith('.log')) console.log(`== ${name}\n${readFileSync(join(project, name))}`)
  console.log(readFileSync(V128_STORE, 'utf8').split('\n').slice(-40).join('\n'))
  throw error
} finally {
  for (const child of children) child.kill('SIGTERM')
  await slurm?.end()
  rmSync(project, { recursive: true, force: true })
}
