// The runtimes that are no browsers: Node, Deno, Bun, workerd and edge-runtime, all but the running Node from npm.

import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { delay, run, start } from './processes.mjs'
import { bundleForEdge, bundleForVercel, bundleForWorkerd, createRegistry, here } from './project.mjs'

const modules = join(here, 'node_modules')
const { arch, platform } = process
/** The names that npm packages of binaries give to this machine. */
const machine = `${platform}-${arch}`
const present = (path) => (existsSync(join(modules, path)) ? join(modules, path) : undefined)

const deno = present(`@deno/${machine}${platform === 'linux' ? '-glibc' : ''}/deno`)
const bun = present(`@oven/bun-${machine}/bin/bun`)
const workerd = present(`@cloudflare/workerd-${machine.replace('x64', '64')}/bin/workerd`)
const edgeRuntime = present('edge-runtime/package.json')

/** What installs them. */
export const NPM = 'npm ci --prefix test/runtimes --ignore-scripts'

/** What is wrong with files in a host that has a disk: saved by one process, loaded by another. */
async function filesOnDisk(folder, command, options) {
  mkdirSync(join(folder, 'files'), { recursive: true })
  const place = mkdtempSync(join(folder, 'files/'))
  const faults = []
  for (const step of ['save', 'load']) faults.push(...JSON.parse(await command(step, place, options)))
  return faults
}

/** Node prints the results of main.mjs in the project. */
const node = (line, program) => ({
  name: `Node ${line}`,
  program,
  needs: NPM,
  files: ({ app, folder }) => filesOnDisk(folder, (...args) => run(program, ['files-main.mjs', ...args], { cwd: app })),
  part: async ({ app }, ...args) => JSON.parse(await run(program, ['parts-main.mjs', ...args], { cwd: app })),
  workers: async ({ app }) => JSON.parse(await run(program, ['workers-main.mjs'], { cwd: app })),
  threads: async ({ app }) => JSON.parse(await run(program, ['threads-main.mjs'], { cwd: app })),
  version: async () => (await run(program, ['--version'])).trim().slice(1),
  run: async ({ app }) => ({ '': JSON.parse(await run(program, ['main.mjs'], { cwd: app })) }),
})

/**
 * `program` is undefined where the runtime is not installed. `run(project)` resolves to the results by place: '' or how
 * the package came there; after it, `files(project)` to what is wrong with v128/files; `part(project, folder, backend,
 * from, until)` to what parts-main.mjs says; `workers(project)` to what workers-main.mjs says, `threads(project)` to what threads-main.mjs says; `consume(project)` to what the consumer for this runtime says.
 */
export const hosts = [
  node(process.versions.node.split('.')[0], process.execPath),
  ...[22, 24, 26].map((line) => node(line, present(`node${line}/bin/node`))),
  {
    name: 'Deno',
    program: deno,
    needs: NPM,
    version: async () => (await run(deno, ['--version'])).match(/deno ([\d.]+)/)[1],
    run: async (project) => ({ 'npm:': JSON.parse(await runDeno(project, denoProgram(project, 'main.mjs'))) }),
    async files(project) {
      const program = denoProgram(project, 'files-main.mjs')
      // May use the folder and nothing else; then, anything.
      const least = (step, place) => runDeno(project, program, [step, place], onlyIn(place))
      const all = (step, place) => runDeno(project, program, [step, place], ['--allow-all'])
      return [...(await filesOnDisk(project.folder, least)), ...(await filesOnDisk(project.folder, all))]
    },
    async part(project, place, ...args) {
      const program = denoProgram(project, 'parts-main.mjs')
      return JSON.parse(await runDeno(project, program, [place, ...args], onlyIn(place)))
    },
    workers: async (project) => JSON.parse(await runDeno(project, denoProgram(project, 'workers-main.mjs'))),
    async threads(project) {
      // Its own worker is a file; those of the library are none.
      const program = denoProgram(project, 'threads-main.mjs')
      return JSON.parse(await runDeno(project, program, [], [`--allow-read=${dirname(program)}`]))
    },
    consume: (project) => runDeno(project, join(project.folder, 'deno/main.ts')),
  },
  {
    name: 'Bun',
    program: bun,
    needs: NPM,
    files: ({ app, folder }) => filesOnDisk(folder, (...args) => run(bun, ['files-main.mjs', ...args], { cwd: app })),
    workers: async ({ app }) => JSON.parse(await run(bun, ['workers-main.mjs'], { cwd: app })),
    threads: async ({ app }) => JSON.parse(await run(bun, ['threads-main.mjs'], { cwd: app })),
    version: async () => (await run(bun, ['--version'])).trim(),
    run: async ({ app }) => ({ '': JSON.parse(await run(bun, ['main.mjs'], { cwd: app })) }),
  },
  {
    name: 'workerd',
    program: workerd,
    needs: NPM,
    version: async () => (await run(workerd, ['--version'])).match(/[\d-]+/)[0],
    async run({ app, folder }) {
      const ask = async (entry, conditions) => {
        const outdir = join(folder, `${entry}-bundle`)
        await bundleForWorkerd(join(app, `${entry}.mjs`), join(outdir, 'dist'), conditions)
        cpSync(join(folder, 'worker/config.capnp'), join(outdir, 'config.capnp'))
        return JSON.parse(await askWorkerd(outdir, '/'))
      }
      const { handed, fallback } = await ask('workerd-module', [])
      return {
        'export condition': await ask('workerd', ['workerd', 'worker', 'browser']),
        'createModel({ wasm })': handed,
        'default entry': fallback,
      }
    },
    files: async ({ folder }) => refusals(JSON.parse(await askWorkerd(join(folder, 'workerd-bundle'), '/files'))),
    async threads({ folder }) {
      const answer = JSON.parse(await askWorkerd(join(folder, 'workerd-bundle'), '/threads'))
      return { places: { 'export condition': answer } }
    },
    async consume({ folder }) {
      const worker = join(folder, 'worker')
      const { build } = JSON.parse(readFileSync(join(worker, 'package.json'), 'utf8')).scripts
      const [, ...args] = build.split(' ')
      await run(createRequire(import.meta.url).resolve('esbuild/bin/esbuild'), args, { cwd: worker })
      return askWorkerd(worker, '/?truth=0110')
    },
  },
  {
    name: 'edge-runtime',
    program: edgeRuntime,
    needs: NPM,
    version: async () => JSON.parse(readFileSync(edgeRuntime, 'utf8')).version,
    async run({ app, folder }) {
      const entry = join(app, 'edge.mjs')
      const scripts = {
        'default entry': await bundleForEdge(entry),
        'export condition': await bundleForVercel(entry, join(folder, 'edge-bundle')),
      }
      const results = {}
      for (const [place, script] of Object.entries(scripts)) {
        const file = join(folder, `edge ${place}.js`)
        writeFileSync(file, script)
        results[place] = JSON.parse(await askEdge(app, file, '/'))
      }
      return results
    },
    async files({ app, folder }) {
      const ask = async (place) => JSON.parse(await askEdge(app, join(folder, `edge ${place}.js`), '/files'))
      return [...refusals(await ask('default entry')), ...refusals(await ask('export condition'))]
    },
    async threads({ app, folder }) {
      const ask = async (place) => JSON.parse(await askEdge(app, join(folder, `edge ${place}.js`), '/threads'))
      const places = { 'default entry': await ask('default entry'), 'export condition': await ask('export condition') }
      return { places }
    },
  },
]

const askEdge = (app, file, path) =>
  run(process.execPath, [join(here, 'edge-host.mjs'), file, join(app, 'node_modules/v128/dist'), path])

/** What is wrong with what saveFile and loadFile say in a host that has no files. */
export function refusals(texts) {
  const right = /^(save|load)File: "a": (this host has no files|there are no files here: .*); /
  return texts.length === 2 ? texts.filter((text) => !right.test(text)) : [`says ${texts.length} times`]
}

/** One of the programs where Deno finds the package, beside all others. */
function denoProgram({ app, folder }, name) {
  const place = join(folder, 'deno-programs')
  mkdirSync(place, { recursive: true })
  for (const file of readdirSync(app).filter((one) => one.endsWith('.mjs'))) {
    const program = readFileSync(join(app, file), 'utf8')
    writeFileSync(join(place, file), program.replace(/from 'v128/g, "from 'npm:v128"))
  }
  return join(place, name)
}

/** Permissions. */
const onlyIn = (place) => [`--allow-read=${place}`, `--allow-write=${place}`]

/** Without a permission that is not among `flags`, and with a cache and a registry of its own. */
async function runDeno(project, file, args = [], flags = []) {
  const registry = await createRegistry(project)
  const env = {
    ...process.env,
    DENO_DIR: join(project.folder, 'deno-cache'),
    DENO_NO_UPDATE_CHECK: '1',
    NPM_CONFIG_REGISTRY: registry.url,
  }
  try {
    return await run(deno, ['run', ...flags, file, ...args], { env })
  } finally {
    registry.close()
  }
}

/** The answer of the worker of config.capnp in a folder, on a port of the system's choice. */
async function askWorkerd(cwd, path) {
  const args = ['serve', 'config.capnp', '--socket-addr', 'http=127.0.0.1:0', '--control-fd', '3']
  const { child, ended, stop, output } = start(workerd, args, { cwd, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  try {
    const listening = new Promise((resolve) => child.stdio[3].setEncoding('utf8').once('data', resolve))
    const message = await Promise.race([listening, ended, delay(20_000)])
    if (typeof message !== 'string') throw new Error(`workerd does not listen\n${output.stderr}`)
    const response = await fetch(`http://127.0.0.1:${JSON.parse(message).port}${path}`)
    const text = await response.text()
    if (!response.ok) throw new Error(`workerd answers ${response.status}: ${text}\n${output.stderr}`)
    return text
  } finally {
    await stop()
  }
}
