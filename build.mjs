// The build: node build.mjs. Needs nothing but Node and npm; does only what is out of date.
//
//   package-lock.json --npm ci--> node_modules      only where they differ
//   assembly/ --asc--> dist/kernels{,.more}.{f64,f32}.wasm  one source, two precisions; the kernels in groups
//             -------> dist/wasm.{f64,f32}{,.*}.js          as text, for hosts that compile bytes: a group, or part of it
//   src/kernels/ --esbuild--> dist/twin.{f64,f32}.js
//   dist/host.js, dist/host.HOST.js               how a kind of host imports one of these
//   src/ --esbuild--> dist/ENTRY.js, dist/ENTRY.HOST.js, and the chunks that they share; --tsc--> dist/types

import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

process.chdir(fileURLToPath(new URL('.', import.meta.url)))

/** The packages of a lock file, without what npm leaves out of the installed copy. */
function lockedVersions(file) {
  if (!existsSync(file)) return {}
  const versions = {}
  for (const [path, entry] of Object.entries(JSON.parse(readFileSync(file, 'utf8')).packages)) {
    if (path) versions[path] = entry
  }
  return versions
}

/** Whether each package of the lock file is installed; optional ones of other platforms are not. */
function installed() {
  const wanted = lockedVersions('package-lock.json')
  const present = lockedVersions('node_modules/.package-lock.json')
  return Object.keys(wanted).every((path) =>
    present[path] ? present[path].version === wanted[path].version : wanted[path].optional,
  )
}

if (!installed()) {
  console.log('v128: installing development dependencies')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  execFileSync(npm, ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
}

const SOURCES = ['build.mjs', 'assembly', 'src', 'asconfig.json', 'package.json', 'package-lock.json', 'tsconfig.json']

/** The latest change below a path, in milliseconds. */
function newest(path) {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(`${path}/${name}`)))
}

const stamp = 'dist/.built'
if (existsSync(stamp) && statSync(stamp).mtimeMs > Math.max(...SOURCES.map(newest))) process.exit(0)

console.log('v128: building')
rmSync('dist', { recursive: true, force: true })
mkdirSync('dist')

const { build } = await import('esbuild')
const { default: binaryen } = await import('binaryen')
const node = (...args) => promisify(execFile)(process.execPath, args)

const precisions = { float64: 'f64', float32: 'f32' }
/**
 * Groups of kernels, each a module, by the file of assembly/ that exports them: a program loads the first, which has what
 * every model calls, and of the others those that its network calls.
 */
const GROUPS = { kernels: 'index', 'kernels.more': 'more' }
const groups = Object.keys(GROUPS)

// Side by side: this is what takes the time.
await Promise.all(
  Object.entries(precisions).map(async ([dtype, short]) => {
    for (const group of groups) {
      const to = ['--outFile', `dist/${group}.${short}.wasm`, '--textFile', `dist/${group}.${short}.wat`]
      const from = `assembly/${GROUPS[group]}.ts`
      await node('node_modules/assemblyscript/bin/asc.js', from, '--config', 'asconfig.json', '--target', dtype, ...to)
    }
  }),
).catch(({ stdout, stderr, message }) => {
  console.error(stdout || stderr || message)
  process.exit(1)
})

const FLAG = 'ONLY_TILES'

/** What a module of kernels exports. */
function namesOf(module) {
  const exports = Array.from({ length: module.getNumExports() }, (_, i) => module.getExportByIndex(i))
  return exports.map((one) => binaryen.getExportInfo(one).name).filter((name) => name !== FLAG)
}

/**
 * The module without all kernels but those whose names begin so, and without the functions that only others call. With
 * `tiles` its convolutions have no code for other tiles than those: see assembly/part.ts.
 */
function partOf(wasm, { beginnings = '', tiles = 0 } = {}) {
  const module = binaryen.readBinary(wasm)
  module.setFeatures(binaryen.Features.All)
  const flag = module.getExport(FLAG)
  if (flag) {
    const { value } = binaryen.getExportInfo(flag)
    module.removeGlobal(value)
    module.addGlobal(value, binaryen.i32, false, module.i32.const(tiles))
    module.removeExport(FLAG)
  }
  const has = new RegExp(`^(${beginnings})`)
  for (const name of namesOf(module)) if (!has.test(name)) module.removeExport(name)
  binaryen.setOptimizeLevel(3)
  binaryen.setShrinkLevel(0)
  // Once more finds what the first time left.
  module.optimize()
  module.optimize()
  const bytes = module.emitBinary()
  module.dispose()
  return bytes
}

const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
/** What tells the kernels of this build from others: a custom section 'v128' of each module holds it. */
const ids = {}
/** The modules as asc has them, of which parts are made: by precision those of each group. */
const compiled = {}
for (const [dtype, short] of Object.entries(precisions)) {
  const files = groups.map((group) => `dist/${group}.${short}.wasm`)
  compiled[dtype] = files.map((file) => readFileSync(file))
  const modules = compiled[dtype].map((wasm) => partOf(wasm))
  const hash = createHash('sha256')
  for (const wasm of modules) hash.update(wasm)
  ids[dtype] = hash.digest('hex').slice(0, 16)
  const section = Buffer.from(`\x04v128${ids[dtype]}`)
  modules.forEach((wasm, i) => {
    writeFileSync(files[i], Buffer.concat([wasm, Buffer.from([0, section.length]), section]))
  })
}
/** The names of the kernels of each group. */
const names = compiled.float64.map((wasm) => namesOf(binaryen.readBinary(wasm)))

/** How the names of the kernels begin that any model may call. */
const CORE = 'addChannelSums|addScaled$|bytesPerValue|firstNotFinite|norm$|sumOfSquares'
/** Those of some settings (src/training/step.ts) and of layers that copy. */
const MORE = 'add$|addSigns|clamp|copyBlocks|fill|limitRowNorms|multiply|sumOf'
const ACTIVATIONS = 'relu|leakyRelu|sigmoid|tanh|elu|softmax|normalize|dropout|scaled'
const LOSSES = 'binaryCrossEntropy|meanSquaredError|hinge'
const OPTIMIZERS = 'adam|momentum|nesterov|rmsprop|addScaledTo|dot|scale$'
const CNN = `${CORE}|dense|relu|softmaxCrossEntropy|batchNorm(For|Back)ward|maxPool2(dBack|x)|adam`
/** How the names of kernels begin that have variants. */
const VARIED = 'conv2d|dense|softmaxCross'
/**
 * Parts of the first group, by how the names of their kernels begin, for programs whose networks call no others of it;
 * the smallest first. Behind them comes that of all, where a new kernel is without a word. With `tiles` it has of some
 * kernels no more than the variants 0 and that: see assembly/part.ts.
 */
const PARTS = {
  dense: { beginnings: `${CORE}|${MORE}|dense|${ACTIVATIONS}|${LOSSES}|${OPTIMIZERS}` },
  cnn7: { beginnings: `${CNN}|conv2d`, tiles: 7 },
  cnn: { beginnings: `${CNN}|${MORE}|conv2d|momentum` },
}

/** How these names begin and those of `others` do not, each as short as can be. */
function beginningsOf(some, others) {
  const least = some.map((name) => {
    const lengths = Array.from(name, (_, i) => i + 1)
    const length = lengths.find((length) => !others.some((other) => other.startsWith(name.slice(0, length))))
    return length ? name.slice(0, length) : `${name}$`
  })
  return [...new Set(least)]
}

/** What the names of the kernels match that a part of the first group has, and no others of it do. */
function patternOf({ beginnings, tiles }) {
  const varied = new RegExp(tiles ? `^(${VARIED})` : '^$')
  const all = names[0].filter((name) => !varied.test(name))
  const has = new RegExp(`^(${beginnings})`)
  const own = all.filter((name) => has.test(name))
  const others = all.filter((name) => !has.test(name))
  return `^(${[...beginningsOf(own, others), ...(tiles ? [`(${VARIED})\\w+[0${tiles}]`] : [])].join('|')})`
}
/** What the names of the kernels of each group match, and no others do. */
const patterns = names.map((own, i) => (i ? `^(${beginningsOf(own, names.toSpliced(i, 1).flat()).join('|')})` : ''))
patterns[0] = `^(?!${patterns.slice(1).join('|').replaceAll('^', '')})`

const { outputFiles } = await build({
  stdin: {
    contents: "export { toStreams } from './src/engine/streams'\nexport { encode } from './src/engine/text'",
    resolveDir: '.',
  },
  bundle: true,
  format: 'esm',
  write: false,
})
const { toStreams, encode } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)

/** The file of a group as text: wasm.f64.js, wasm.f64.more.js. */
const textOf = (group, short) => group.replace('kernels', short)
for (const [dtype, short] of Object.entries(precisions)) {
  const write = (name, bytes) => {
    writeFileSync(`dist/wasm.${name}.js`, `export default '${encode(toStreams(bytes))}'\n`)
  }
  for (const group of groups) write(textOf(group, short), readFileSync(`dist/${group}.${short}.wasm`))
  for (const [part, what] of Object.entries(PARTS)) write(`${short}.${part}`, partOf(compiled[dtype][0], what))
}

const thread = await build({
  entryPoints: ['src/engine/thread.ts'],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  write: false,
})
await build({
  entryPoints: ['src/engine/threads.ts'],
  outfile: 'dist/threads.js',
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minifySyntax: true,
  define: { THREAD: JSON.stringify(thread.outputFiles[0].text.trim()) },
})

/** How each kind of host, named by its export condition, gets compiled modules; all others compile the text. */
const HOSTS = { workerd: (file) => `${file}.wasm`, 'edge-light': (file) => `${file}.wasm?module` }
for (const host of [...Object.keys(HOSTS), '']) {
  // What webpack makes for edge hosts is one file, which can load no other: all is in it, and run when it is needed.
  const mode = host === 'edge-light' ? '/* webpackMode: "eager" */ ' : ''
  const load = (file) => `() => import(${mode}'./${file}')`
  const table = (name, value) => {
    const rows = Object.entries(precisions).map(([dtype, short]) => `${dtype}: ${value(short)}`)
    return `export const ${name} = { ${rows.join(', ')} }\n`
  }
  // A program that has its modules beside it, as workers of servers do, gains nothing by smaller ones.
  const parts = host ? [] : Object.keys(PARTS)
  const constants = [
    ...parts.map((part) => `const ${part} = /${patternOf(PARTS[part])}/\n`),
    ...patterns.map((pattern, i) => `const group${i} = /${pattern}/\n`),
  ].join('')
  const module = (kernels, file) => `{ kernels: ${kernels}, load: ${load(file)} }`
  const modules = (short) => {
    const lists = groups.map((group, i) => {
      const some = i ? [] : parts.map((part) => module(part, `wasm.${short}.${part}.js`))
      const all = host ? HOSTS[host](`${group}.${short}`) : `wasm.${textOf(group, short)}.js`
      return `[${[...some, module(`group${i}`, all)].join(', ')}]`
    })
    return `[${lists.join(', ')}]`
  }
  const twin = (short) => `{ load: ${load(`twin.${short}.js`)} }`
  const threads = `export const threads = ${host ? 'undefined' : `{ load: ${load('threads.js')} }`}\n`
  const id = `export const ids = ${JSON.stringify(ids)}\nexport const version = ${JSON.stringify(version)}\n`
  writeFileSync(
    `dist/host${host && `.${host}`}.js`,
    constants + table('wasm', modules) + table('twin', twin) + threads + id,
  )
}

const common = { bundle: true, format: 'esm', target: 'es2022', logLevel: 'warning' }
for (const [dtype, short] of Object.entries(precisions)) {
  await build({
    ...common,
    entryPoints: ['src/kernels/index.ts'],
    outfile: `dist/twin.${short}.js`,
    define: { FLOAT32: String(dtype === 'float32') },
    minifySyntax: true,
  })
}
// V8 inlines so many calls of a function and no more, and then boxes every number, but it knows Math.fround: so that takes
// the place of F(), of which esbuild leaves none in float64. Functions of Math are looked up once: each time takes a
// hundred times as long as fround itself where globals are those of a context of node:vm, as in edge-runtime.
for (const short of Object.values(precisions)) {
  const file = `dist/twin.${short}.js`
  const twin = readFileSync(file, 'utf8').replace(/(?<!function )\bF\(/g, 'Math.fround(')
  const names = [...new Set(Array.from(twin.matchAll(/\bMath\.(\w+)/g), ([, name]) => name))]
  const constants = names.map((name) => `const Math$${name} = Math.${name}\n`).join('')
  writeFileSync(file, constants + twin.replace(/\bMath\./g, 'Math$'))
}
/** Entries that want packages of others, which their users install. */
const STORES = ['redis', 'postgres', 'bullmq', 'pg-boss']
/** What `package.json` exports; each loads only what it needs, and what several need is loaded once. */
const entryPoints = Object.fromEntries(
  ['index', 'architectures', 'data', 'preprocessing', 'onnx', 'tfjs', 'files', 'worker', 'node', ...STORES].map(
    (name) => [name, `src/entries/${name}.ts`],
  ),
)
const entries = {
  ...common,
  entryPoints,
  // Its modules rather than its CommonJS file, which no bundler can take apart.
  alias: { 'ml-matrix': './node_modules/ml-matrix/src/index.js' },
  // Constants stand where they are used: a program's own bundler can no longer put them there.
  minifySyntax: true,
  splitting: true,
  outdir: 'dist',
  external: ['node:*', '*.wasm', '*.wasm?module', 'ioredis', 'pg', 'bullmq', 'pg-boss'],
}
/** What an import of an entry is on each kind of host, by the file of the entry: disks or origins, threads or workers. */
const CHOICES = {
  '#files': { files: 'files-disk', 'files.browser': 'files-origin' },
  '#worker': { worker: 'worker-web', 'worker.node': 'worker-threads' },
}
// With what the examples share with it.
await build({
  ...entries,
  entryPoints: {
    ...entryPoints,
    'files-disk': 'src/io/disk.ts',
    'files-origin': 'src/io/origin.ts',
    'worker-web': 'src/worker/web.ts',
    'worker-threads': 'src/worker/threads.ts',
    'v128-worker': 'src/worker/script.ts',
    'v128-worker.node': 'src/worker/script-threads.ts',
    svg: 'src/svg.ts',
  },
  external: [...entries.external, ...Object.keys(CHOICES)],
  chunkNames: '[name]-[hash]',
})
// One build for all, so that there is one class of each error for what a page or a program imports.
for (const [name, places] of Object.entries(CHOICES)) {
  const [entry] = Object.keys(places)
  const text = readFileSync(`dist/${entry}.js`, 'utf8')
  if (text.split(`"${name}"`).length !== 2) throw new Error(`dist/${entry}.js does not import ${name}`)
  for (const [file, place] of Object.entries(places)) {
    writeFileSync(`dist/${file}.js`, text.replace(`"${name}"`, `"./${place}.js"`))
  }
}
for (const host of Object.keys(HOSTS)) {
  await build({ ...entries, entryNames: `[name].${host}`, chunkNames: `[name]-[hash].${host}`, conditions: [host] })
}

// The command, with the bar that it draws; all else it loads as its users do.
await build({
  ...common,
  entryPoints: ['src/cli/cli.ts'],
  outfile: 'dist/cli.js',
  platform: 'node',
  minifySyntax: true,
  banner: {
    js:
      '#!/usr/bin/env node\n// Contains cli-progress, (c) Andi Dittrich, MIT License.\n' +
      "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)",
  },
  plugins: [
    {
      name: 'entries',
      setup: ({ onResolve }) =>
        onResolve({ filter: /\/entries\/[\w-]+$/ }, ({ path }) => ({
          path: `./${path.split('/').at(-1)}.js`,
          external: true,
        })),
    },
  ],
})
chmodSync('dist/cli.js', 0o755)

execFileSync(
  process.execPath,
  [
    'node_modules/typescript/bin/tsc',
    '--noEmit',
    'false',
    '--emitDeclarationOnly',
    '--declaration',
    '--outDir',
    'dist/types',
    '--rootDir',
    'src',
    '--allowJs',
    'false',
    '--checkJs',
    'false',
    '--noCheck',
    '-p',
    'src/tsconfig.json',
  ],
  { stdio: 'inherit' },
)
// Node's own resolution, which some users' type checkers follow, wants the endings that the sources leave out.
for (const file of readdirSync('dist/types', { recursive: true })) {
  if (!file.endsWith('.d.ts')) continue
  const text = readFileSync(`dist/types/${file}`, 'utf8')
  writeFileSync(`dist/types/${file}`, text.replace(/((?:from|import\() ?'\.{1,2}\/[^']+)'/g, "$1.js'"))
}
writeFileSync('dist/types/wasm.d.ts', 'declare const module: WebAssembly.Module\nexport default module\n')
writeFileSync(stamp, '')
