// Slurm on one machine, its three daemons as children, with all that they write in one folder. Wants Debian's slurm-wlm
// and munge; needs no daemon of the system, and ends by its own process ids.

import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { accessSync, chmodSync, constants, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { hostname, tmpdir, userInfo } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const DAEMONS = ['munged', 'slurmctld', 'slurmd']
const COMMANDS = ['sbatch', 'srun', 'scancel', 'scontrol', 'squeue']
// Debian puts daemons where only root looks.
const PATH = [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter)

/** What Slurm needs that is not installed. */
export function missing() {
  return [...DAEMONS, ...COMMANDS].filter((name) => !find(name))
}

function find(name) {
  return PATH.split(delimiter).find((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const { port } = server.address()
  await new Promise((done) => server.close(done))
  return port
}

function accepts(port) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => (socket.destroy(), done(true)))
    socket.once('error', () => done(false))
  })
}

/** Waits until a daemon is there; 20 seconds at most. */
async function until({ child, said }, isThere) {
  for (let tries = 0; !(await isThere()); tries++) {
    const dead = child.exitCode !== null || child.signalCode !== null
    if (dead) throw new Error(`${child.spawnfile} ended with ${child.exitCode ?? child.signalCode}: ${said()}`)
    if (tries === 200) throw new Error(`${child.spawnfile} is not there after 20 s: ${said()}`)
    await setTimeout(100)
  }
}

/** A cluster of one node with so many CPUs, whether the machine has them or not. */
export async function startSlurm(cpus) {
  const folder = mkdtempSync(join(tmpdir(), 'v128-slurm-'))
  const at = (name) => join(folder, name)
  // Munge lets nobody near its socket whose folder is closed to others, or open to their writing.
  chmodSync(folder, 0o755)
  for (const name of ['munge', 'state', 'spool']) mkdirSync(at(name), { mode: 0o755 })
  writeFileSync(at('munge/key'), randomBytes(128), { mode: 0o600 })
  const user = userInfo().username
  const host = hostname().split('.')[0]
  const conf = {
    ClusterName: 'v128',
    SlurmctldHost: `${host}(127.0.0.1)`,
    SlurmctldPort: await freePort(),
    SlurmdPort: await freePort(),
    SlurmUser: user,
    SlurmdUser: user,
    AuthType: 'auth/munge',
    // A job that is requeued waits until its credential has expired: two minutes, unless told.
    AuthInfo: `socket=${at('munge/socket')},cred_expire=5`,
    CredType: 'cred/munge',
    StateSaveLocation: at('state'),
    SlurmdSpoolDir: at('spool'),
    SlurmctldPidFile: at('slurmctld.pid'),
    SlurmdPidFile: at('slurmd.pid'),
    ProctrackType: 'proctrack/pgid',
    TaskPlugin: 'task/none',
    MpiDefault: 'none',
    SelectType: 'select/cons_tres',
    SelectTypeParameters: 'CR_CPU',
    SchedulerParameters: 'sched_interval=1,bf_interval=1,batch_sched_delay=0',
    AccountingStorageType: 'accounting_storage/none',
    JobAcctGatherType: 'jobacct_gather/none',
    ReturnToService: 2,
    KillWait: 5,
    PreemptType: 'preempt/partition_prio',
    PreemptMode: 'REQUEUE',
    SlurmdParameters: 'config_overrides',
  }
  const lines = Object.entries(conf).map(([name, value]) => `${name}=${value}`)
  lines.push(
    `NodeName=${host} NodeAddr=127.0.0.1 CPUs=${cpus} RealMemory=65536`,
    'PartitionName=search Nodes=ALL Default=YES State=UP PriorityTier=1 GraceTime=10',
    'PartitionName=urgent Nodes=ALL State=UP PriorityTier=10 PreemptMode=OFF',
  )
  writeFileSync(at('slurm.conf'), `${lines.join('\n')}\n`)

  const env = { ...process.env, PATH, SLURM_CONF: at('slurm.conf') }
  /** What was started, the last first. */
  const children = []
  const start = (name, argv) => {
    const child = spawn(name, argv, { env, stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (data) => (said = `${said}${data}`.slice(-2000)))
    children.unshift(child)
    return { child, said: () => said }
  }
  const command = async (name, ...argv) => (await run(name, argv, { env, timeout: 20_000 })).stdout.trim()

  const end = async () => {
    await command('scancel', '--user', user).catch(() => {})
    // Until the last step has gone; its daemon would leave it behind.
    for (let i = 0; i < 50 && (await command('squeue', '--noheader').catch(() => '')); i++) await setTimeout(200)
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const ended = new Promise((done) => child.once('exit', done))
      child.kill('SIGTERM')
      const timer = globalThis.setTimeout(() => child.kill('SIGKILL'), 5000)
      await ended
      clearTimeout(timer)
    }
    rmSync(folder, { recursive: true, force: true })
  }

  try {
    const options = ['key-file=key', 'pid-file=pid', 'log-file=log', 'seed-file=seed', 'socket=socket']
    const paths = options.map((option) => `--${option.replace('=', `=${at('munge')}/`)}`)
    await until(start('munged', ['--foreground', ...paths]), async () => existsSync(at('munge/socket')))
    const controller = start('slurmctld', ['-D', '-c', '-L', at('slurmctld.log')])
    // Who asks before it listens waits long.
    await until(controller, () => accepts(conf.SlurmctldPort))
    const node = start('slurmd', ['-D', '-N', host, '-L', at('slurmd.log')])
    const info = ['--noheader', '--partition=search', '--format=%T']
    await until(node, async () => (await command('sinfo', ...info).catch(() => '')) === 'idle')
  } catch (error) {
    await end()
    throw error
  }
  return { folder, env, command, end }
}
