// Redis and Postgres of Debian, each with a folder and a port of its own, ended with the test that started it. Without
// them such tests are left out; with REQUIRE_SERVERS=all, as in .ci/run, they fail.
import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/**
 * A server that a test has started. `start` starts it again, after `stop`; `stop` ends it as its service would, unless
 * another signal is given; `remove` ends it and removes what it has kept.
 *
 * @typedef {object} Server
 * @property {string} address
 * @property {() => Promise<void>} start
 * @property {(signal?: 'SIGTERM' | 'SIGKILL') => Promise<void>} stop
 * @property {() => Promise<void>} remove
 */

/** Whether what a test needs of Debian must be there. */
export const demanded = process.env.REQUIRE_SERVERS === 'all'
const postgresFolder = '/usr/lib/postgresql'
const postgresBin = existsSync(postgresFolder)
  ? join(postgresFolder, readdirSync(postgresFolder).toSorted().at(-1) ?? '', 'bin')
  : ''

/** Whether to run tests with it. */
export const hasRedis = demanded || existsSync('/usr/bin/redis-server')
export const hasPostgres = demanded || existsSync(postgresBin)

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  await new Promise((done) => server.close(done))
  return port
}

/**
 * @param {string} [bind]
 * @param {readonly string[]} [options]
 * @returns {Promise<Server>}
 */
export async function startRedis(bind = '127.0.0.1', options = []) {
  const folder = mkdtempSync(join(tmpdir(), 'v128-redis-'))
  const port = await freePort()
  const argv = ['--port', `${port}`, '--bind', bind, '--dir', folder, '--appendonly', 'yes', '--save', '']
  // Beyond this machine Redis wants a password, unless told.
  argv.push('--protected-mode', 'no', ...options)
  return serverOf(
    `redis://${bind}:${port}`,
    folder,
    () => spawn('redis-server', argv, { stdio: 'ignore' }),
    () => accepts(bind, port),
  )
}

/**
 * @param {string} [bind]
 * @returns {Promise<Server>}
 */
export async function startPostgres(bind = '127.0.0.1') {
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

/**
 * @param {string} user
 * @param {string} flag
 */
function idOf(user, flag) {
  return Number(execFileSync('id', [flag, user], { encoding: 'utf8' }))
}

/**
 * @param {string} host
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function accepts(host, port) {
  return new Promise((done) => {
    const socket = connect(port, host)
    const end = (/** @type {boolean} */ answer) => {
      socket.destroy()
      done(answer)
    }
    socket.once('error', () => end(false))
    socket.once('data', () => end(true))
    socket.write('PING\r\n')
  })
}

/**
 * @param {string} address
 * @param {string} folder
 * @param {() => import('node:child_process').ChildProcess} run
 * @param {() => Promise<boolean>} ready
 * @param {NodeJS.Signals} [term]
 * @returns {Promise<Server>}
 */
async function serverOf(address, folder, run, ready, term = 'SIGTERM') {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child
  /** @type {Promise<unknown>} */
  let ended = Promise.resolve()
  const kill = () => child?.kill('SIGKILL')
  process.once('exit', kill)
  const start = async () => {
    const own = run()
    child = own
    /** @type {unknown} */
    let failed
    own.once('error', (error) => (failed = error))
    ended = new Promise((done) => own.once('exit', done).once('error', done))
    for (let tries = 0; !(await ready()); tries++) {
      if (failed || own.exitCode !== null || tries > 300)
        throw new Error(`${address} does not start`, { cause: failed })
      await setTimeout(50)
    }
  }
  const stop = async (/** @type {'SIGTERM' | 'SIGKILL'} */ signal = 'SIGTERM') => {
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
