// Redis and Postgres of Debian, each with a folder and a port of its own, ended with the test that started it. Without
// them such tests are left out; with REQUIRE_SERVERS=all, as in .ci/run, they fail.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

export interface Server {
  readonly address: string
  /** Starts it again: after stop, or by itself. */
  start(): Promise<void>
  /** Ends it as its service would, or with SIGKILL. */
  stop(signal?: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** Ends it and removes what it has kept. */
  remove(): Promise<void>
}

const demanded = process.env.REQUIRE_SERVERS === 'all'
const postgresFolder = '/usr/lib/postgresql'
const postgresBin = existsSync(postgresFolder)
  ? join(postgresFolder, readdirSync(postgresFolder).toSorted().at(-1)!, 'bin')
  : ''

/** Whether to run tests with it. */
export const hasRedis = demanded || existsSync('/usr/bin/redis-server')
export const hasPostgres = demanded || existsSync(postgresBin)

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

export async function startRedis(options: readonly string[] = [], bind = '127.0.0.1'): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'v128-redis-'))
  const port = await freePort()
  const argv = ['--port', `${port}`, '--bind', bind, '--dir', folder, '--appendonly', 'yes', '--save', '', ...options]
  return serverOf(
    `redis://${bind}:${port}`,
    folder,
    () => spawn('redis-server', argv, { stdio: 'ignore' }),
    () => accepts(bind, port),
  )
}

export async function startPostgres(bind = '127.0.0.1'): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'v128-postgres-'))
  const port = await freePort()
  // Postgres refuses to be run by root.
  const user = process.getuid?.() === 0 ? { uid: idOf('postgres', '-u'), gid: idOf('postgres', '-g') } : {}
  if (user.uid !== undefined) execFileSync('chown', ['postgres', folder])
  chmodSync(folder, 0o700)
  const data = join(folder, 'data')
  execFileSync(join(postgresBin, 'initdb'), ['-D', data, '-U', 'v128', '--auth=trust', '--no-sync', '-E', 'UTF8'], {
    ...user,
    cwd: folder,
    stdio: 'ignore',
  })
  const argv = ['-D', data, '-p', `${port}`, '-h', bind, '-k', folder]
  const address = `postgres://v128@${bind}:${port}/postgres`
  return serverOf(
    address,
    folder,
    () => spawn(join(postgresBin, 'postgres'), argv, { ...user, cwd: folder, stdio: 'ignore' }),
    async () => {
      const { default: pg } = await import('pg')
      const client = new pg.Client({ connectionString: address })
      client.on('error', () => {})
      return client.connect().then(
        () => client.end().then(() => true),
        () => false,
      )
    },
    // Fast: it does not wait for those who are connected.
    'SIGINT',
  )
}

function idOf(user: string, flag: string): number {
  return Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, host)
    const end = (answer: boolean) => {
      socket.destroy()
      done(answer)
    }
    socket.once('error', () => end(false))
    socket.once('data', () => end(true))
    socket.write('PING\r\n')
  })
}

async function serverOf(
  address: string,
  folder: string,
  run: () => ChildProcess,
  ready: () => Promise<boolean>,
  term: NodeJS.Signals = 'SIGTERM',
): Promise<Server> {
  let child: ChildProcess | undefined
  let ended: Promise<unknown> = Promise.resolve()
  const kill = () => child?.kill('SIGKILL')
  process.once('exit', kill)
  const start = async () => {
    const own = run()
    child = own
    let failed: unknown
    own.once('error', (error) => (failed = error))
    ended = new Promise((done) => own.once('exit', done).once('error', done))
    for (let tries = 0; !(await ready()); tries++) {
      if (failed || own.exitCode !== null || tries > 300)
        throw new Error(`${address} does not start`, { cause: failed })
      await setTimeout(50)
    }
  }
  const stop = async (signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM') => {
    child?.kill(signal === 'SIGTERM' ? term : signal)
    await ended
  }
  await start()
  return {
    address,
    start,
    stop,
    async remove() {
      await stop()
      process.off('exit', kill)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
