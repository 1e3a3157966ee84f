// The build: node build.mjs. Needs nothing but Node and npm; does only what is out of date.
//
//   package-lock.json --npm ci--> node_modules      only where they differ
//   assembly/ --asc--> dist/kernels.{f64,f32}.wasm  one source, two precisions
//             -------> dist/wasm.inline.js          as text, for hosts that compile bytes
//             -------> dist/wasm.HOST.js            imports the .wasm files, for hosts that take compiled modules
//   src/kernels/ --esbuild--> dist/twin.{f64,f32}.js
//   src/ --esbuild--> dist/ENTRY.js, dist/ENTRY.HOST.js, and the chunks that they share; --tsc--> dist/types

import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
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

const SOURCES = ['build.mjs', 'assembly', 'src', 'asconfig.json', 'package-lock.json', 'tsconfig.json']

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
const node = (...args) => promisify(execFile)(process.execPath, args)

const precisions = { float64: 'f64', float32: 'f32' }

// Side by side: this is what takes the time.
await Promise.all(
  Object.keys(precisions).map((dtype) =>
    node('node_modules/assemblyscript/bin/asc.js', '--config', 'asconfig.json', '--target', dtype),
  ),
).catch(({ stdout, stderr, message }) => {
  console.error(stdout || stderr || message)
  process.exit(1)
})
const modules = Object.values(precisions).map((short) => readFileSync(`dist/kernels.${short}.wasm`))
// The two precisions are nearly the same code. In hexadecimal, a piece of one after a piece of the other, gzip finds
// that: together they take 21 kB; one after the other in base64 they took 32 kB.
const PIECE = 4096
let hex = ''
for (let at = 0; modules.some((wasm) => at < wasm.length); at += PIECE) {
  for (const wasm of modules) hex += wasm.subarray(at, at + PIECE).toString('hex')
}
writeFileSync(
  'dist/wasm.inline.js',
  `const LENGTHS = [${modules.map((wasm) => wasm.length).join(', ')}]
const HEX = '${hex}'
function digit(at) {
  const code = HEX.charCodeAt(at)
  return code < 58 ? code - 48 : code - 87
}
function decode(which) {
  const bytes = new Uint8Array(LENGTHS[which])
  let from = 0
  for (let at = 0; at < bytes.length; at += ${PIECE}) {
    for (let i = 0; i < LENGTHS.length; i++) {
      const end = Math.min(at + ${PIECE}, LENGTHS[i])
      for (let to = at; i === which && to < end; to++) {
        const letter = from + 2 * (to - at)
        bytes[to] = 16 * digit(letter) + digit(letter + 1)
      }
      from += 2 * Math.max(0, end - at)
    }
  }
  return bytes
}
${Object.keys(precisions)
  .map((dtype, i) => `export const ${dtype} = () => decode(${i})\n`)
  .join('')}`,
)
writeFileSync(
  'dist/wasm.inline.d.ts',
  `export declare const float64: () => BufferSource | WebAssembly.Module\nexport declare const float32: typeof float64\n`,
)
/** How hosts that take compiled modules, by their export conditions, name one in an import. */
const HOSTS = { workerd: '.wasm', 'edge-light': '.wasm?module' }
for (const [host, ending] of Object.entries(HOSTS)) {
  writeFileSync(
    `dist/wasm.${host}.js`,
    Object.values(precisions)
      .map((short) => `import ${short} from './assembly/kernels.${short}${ending}'\n`)
      .join('') + 'export const float64 = () => f64\nexport const float32 = () => f32\n',
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
// Each F() by its name in full: V8 inlines so many calls of a function and no more, and then boxes every number, but
// knows Math.fround. In float64 esbuild leaves none.
const twin = readFileSync('dist/twin.f32.js', 'utf8')
writeFileSync('dist/twin.f32.js', twin.replace(/(?<!function )\bF\(/g, 'Math.fround('))
/** What `package.json` exports; each loads only what it needs, and what several need is loaded once. */
const entryPoints = Object.fromEntries(
  ['index', 'architectures', 'data', 'preprocessing', 'node'].map((name) => [name, `src/entries/${name}.ts`]),
)
const entries = {
  ...common,
  entryPoints,
  splitting: true,
  outdir: 'dist',
  external: ['node:*', '*.wasm', '*.wasm?module'],
}
// With what the examples share with it.
await build({
  ...entries,
  entryPoints: { ...entryPoints, svg: 'src/svg.ts' },
  chunkNames: 'chunk-[hash]',
  sourcemap: true,
})
for (const host of Object.keys(HOSTS)) {
  await build({ ...entries, entryNames: `[name].${host}`, chunkNames: `chunk-[hash].${host}`, conditions: [host] })
}

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
