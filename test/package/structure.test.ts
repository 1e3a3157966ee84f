// The rules of the repository: which way imports go, twins for kernels, what the package holds.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTwin as createFloat32 } from '#twin/f32'
import { createTwin as createFloat64 } from '#twin/f64'
import { describe, expect, test } from 'vitest'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const list = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((name) => name.endsWith('.ts'))

const base = (folder: string) => list(folder).map((path) => posix.basename(path))

const files = list('src').filter((name) => !name.endsWith('.d.ts'))

// ---- imports ----

/** Low to high: a file imports its own rank and those below. Paths in src/, of a file or a folder. */
const RANKS = [
  ['errors', 'tensor', 'random', 'metrics', 'pause', 'svg', 'kernels/'],
  ['engine/'],
  ['schedules', 'plateau', 'initializers', 'optimizers/'],
  ['plan/'],
  ['layers/', 'losses', 'custom-loss'],
  ['data/', 'io/', 'reports'],
  ['training/'],
  ['model/'],
  ['study/'],
  ['search/', 'architectures/', 'worker/', 'onnx/', 'tfjs/'],
  ['stores/'],
  ['entries/'],
  // The command uses the package as its users do.
  ['cli/'],
]

/** What package.json maps, and who may import it. */
const MAPPED: Record<string, RegExp> = {
  '#host': /^(engine\/(wasm|js)|model\/threads|search\/identity|onnx\/export\/to-onnx|cli\/cli)$/,
  '#files': /^io\/files$/,
  '#worker': /^worker\/create$/,
  '#kernels': /^kernels\/index$/,
  '#kernels/more': /^kernels\/index$/,
  // Not mapped: bundled into the entry v128/preprocessing.
  'ml-matrix': /^data\/decompositions$/,
  // Bundled into the command.
  'cli-progress': /^cli\/bar$/,
  // Of whoever wants to keep a search there: loaded when asked for.
  bullmq: /^stores\/bullmq$/,
  ioredis: /^stores\/redis$/,
  pg: /^stores\/postgres$/,
  'pg-boss': /^stores\/pg-boss$/,
  // Of Node: only in the entry v128/node, in v128/files where there is a disk, in v128/worker where there are threads, and
  // in the command.
  'node:crypto': /^(search\/identity|io\/processes)$/,
  'node:fs': /^(search\/(file-store|identity|journal|local-store|lock)|io\/(disk|processes)|cli\/cli)$/,
  'node:fs/promises': /^io\/disk$/,
  'node:os': /^(search\/(identity|lock|settings)|io\/processes)$/,
  'node:path': /^(search\/(file-store|journal)|io\/disk|cli\/cli)$/,
  'node:url': /^(search\/settings|cli\/cli)$/,
  'node:util': /^cli\/cli$/,
  'node:worker_threads': /^(search\/workers|worker\/(script-)?threads)$/,
}

interface Import {
  from: string
  to: string
  /** `import type` or `export type` alone: `import { type A }` still loads the file. */
  typeOnly: boolean
}

const name = (path: string) => path.replace(/^src\//, '').replace(/\.ts$/, '')
const rank = (file: string) =>
  RANKS.findIndex((row) => row.some((r) => file === r || (r.endsWith('/') && file.startsWith(r))))

function importsOf(path: string): Import[] {
  const code = read(path)
  const statements = code.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;=()]*?\sfrom\s+)?['"]([^'"]+)['"]/gm)
  const calls = code.matchAll(/(typeof\s+)?\bimport\(\s*(?:\/\*.*?\*\/\s*)?['"]([^'"]+)['"]\s*\)/g)
  return [...statements, ...calls].map(([, type, to]) => ({
    from: name(path),
    to: to.startsWith('.') ? name(posix.join(posix.dirname(path), to)) : to,
    typeOnly: type !== undefined,
  }))
}

const imports = files.flatMap(importsOf)
const local = imports.filter(({ to }) => !(to in MAPPED))
const show = ({ from, to }: Import) => `${from} -> ${to}`

describe('imports', () => {
  test('are found', () => {
    expect(imports.length).toBeGreaterThan(files.length)
    const kinds = [...new Set(imports.map(({ typeOnly }) => typeOnly))]
    expect(kinds.length).toBe(2)
    for (const path of files) {
      const expected = read(path).match(/^(import|export|\}) .*from '|\bimport\((\/\*.*?\*\/ )?'/gm) ?? []
      expect(importsOf(path).length, path).toBe(expected.length)
    }
  })

  test('are of files in src, or mapped by package.json', () => {
    for (const entry of imports) {
      if (entry.to in MAPPED) expect(entry.from, show(entry)).toMatch(MAPPED[entry.to])
      else expect(files, show(entry)).toContain(`src/${entry.to}.ts`)
    }
  })

  test('every file has a rank', () => {
    expect(files.filter((path) => rank(name(path)) < 0)).toEqual([])
  })

  test('go downward', () => {
    // Types too: they are erased, so they cannot make a cycle of loading, but they bind files all the same.
    expect(local.filter(({ from, to }) => rank(from) < rank(to)).map(show)).toEqual([])
  })

  test('kernels load kernels only, and errors nothing', () => {
    const outside = local.filter(({ from, to }) => from.startsWith('kernels/') && !to.startsWith('kernels/'))
    expect(outside.map(show)).toEqual([])
    expect(imports.filter(({ from }) => from === 'errors')).toEqual([])
  })

  test('nothing in src but the command loads an entry', () => {
    const users = local.filter(({ from, to }) => to.startsWith('entries/') && !from.startsWith('cli/'))
    expect(users.map(show)).toEqual([])
  })

  test('search is in the entry v128/node, the stores and the command alone', () => {
    const users = local.filter(({ from, to }) => to.startsWith('search/') && !from.startsWith('search/'))
    const outside = users.filter(({ from }) => !/^(stores|cli)\//.test(from))
    expect(new Set(outside.map(({ from }) => from))).toEqual(new Set(['entries/node']))
  })

  test('each store is in an entry of its own, and what it wants of others is loaded when it is asked for', () => {
    const users = local.filter(({ from, to }) => to.startsWith('stores/') && !from.startsWith('stores/'))
    expect(users.filter(({ from }) => !/^entries\/(redis|postgres|bullmq|pg-boss)$/.test(from)).map(show)).toEqual([])
    for (const path of files.filter((path) => path.startsWith('src/stores/'))) {
      expect(read(path).match(/^(import|export) .*from '(?!\.)/gm), path).toBeNull()
    }
  })

  test('make no cycle', () => {
    const values = local.filter(({ typeOnly }) => !typeOnly)
    const cycles: string[] = []
    const done = new Set<string>()
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (done.has(file) || path.includes(file)) return
      for (const { to } of values.filter(({ from }) => from === file)) visit(to, [...path, file])
      done.add(file)
    }
    for (const path of files) visit(name(path), [])
    expect(cycles).toEqual([])
  })
})

// ---- kernels ----

describe('kernels', () => {
  // Geometry, blocking and mathematics are shared by both sides: portable TypeScript, and its declarations.
  const shared = ['blocking.ts', 'conv-geometry.ts', 'curve-kinds.ts', 'recurrent-kinds.ts', 'math.ts', 'portable.d.ts']
  const exportsOf = (file: string) =>
    Array.from(read(`assembly/${file}.ts`).matchAll(/^export \{([^}]*)\}/gm), ([, names]) => names.split(','))
      .flatMap((names) => names.map((n) => n.trim()).filter(Boolean))
      // Which is for build.mjs alone: see assembly/part.ts.
      .filter((name) => name !== 'ONLY_TILES')
      .toSorted()

  test('every file in assembly has its twin in src/kernels', () => {
    expect(
      base('src/kernels')
        .filter((file) => !shared.includes(file))
        .toSorted(),
    ).toEqual(
      base('assembly')
        // Vectors, what stands side by side in them, and parts of a module, which only one side has.
        .filter((file) => !['lanes.ts', 'part.ts'].includes(file))
        // The exports of the second group.
        .filter((file) => file !== 'more.ts')
        // What the twin has no need of.
        .filter(
          (file) =>
            ![
              'batch-norm-features.ts',
              'depthwise.ts',
              'depthwise-planes.ts',
              'recurrent-steps.ts',
              'winograd1d-transforms.ts',
            ].includes(file),
        )
        .toSorted(),
    )
    expect(base('src/kernels')).toEqual(expect.arrayContaining(shared))
  })

  test.each([
    ['f64', createFloat64],
    ['f32', createFloat32],
  ])('every kernel has its twin: %s', (short, createTwin) => {
    const files = ['index', 'more']
    expect(Object.keys(createTwin(new ArrayBuffer(64))).toSorted()).toEqual(files.flatMap(exportsOf).toSorted())
    files.forEach((file, i) => {
      expect(exportsOf(file).length).toBeGreaterThan(2)
      const env = { memory: new WebAssembly.Memory(pages) }
      const { exports } = new WebAssembly.Instance(module(`${GROUPS[i]}.${short}`), { env })
      expect(Object.keys(exports).toSorted()).toEqual(exportsOf(file))
    })
  })
})

// ---- what is built ----

const pages = { initial: 1, maximum: 1 }
const GROUPS = ['kernels', 'kernels.more']
const wasm = (file: string) => readFileSync(join(root, `dist/${file}.wasm`))
const module = (file: string) => new WebAssembly.Module(wasm(file))

/** The ids of the sections of a module: after 8 bytes of preamble, id, length in LEB128, contents. */
function sections(bytes: Uint8Array): number[] {
  const ids: number[] = []
  let at = 8
  while (at < bytes.length) {
    ids.push(bytes[at++])
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      length += (byte & 127) * 2 ** shift
      if (byte < 128) break
    }
    at += length
  }
  expect(at).toBe(bytes.length)
  return ids
}

describe.each(GROUPS.flatMap((group) => [`${group}.f64`, `${group}.f32`]))('%s.wasm', (file) => {
  const CODE = 10
  const DATA = 11
  const DATA_COUNT = 12

  // A plan begins at byte 64 of memory: what asc put there would be overwritten, or overwrite a weight. And the groups of
  // kernels are instantiated over one memory.
  test('stores nothing in memory', () => {
    const ids = sections(wasm(file))
    expect(ids).toContain(CODE)
    expect(ids).not.toContain(DATA)
    expect(ids).not.toContain(DATA_COUNT)
    const memory = new WebAssembly.Memory(pages)
    void new WebAssembly.Instance(module(file), { env: { memory } })
    expect(new Uint8Array(memory.buffer).every((byte) => byte === 0)).toBe(true)
  })

  test('imports its memory and nothing else', () => {
    expect(WebAssembly.Module.imports(module(file))).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }])
  })
})

// ---- the package ----

interface Package {
  files: string[]
  exports: Record<string, string | Record<string, string>>
  sideEffects: string[]
}

describe('package.json', () => {
  const json = JSON.parse(read('package.json')) as Package & Record<string, unknown>

  test('has no dependencies but optional ones, each for an entry', () => {
    const kinds = ['dependencies', 'optionalDependencies', 'bundledDependencies', 'bundleDependencies']
    for (const kind of kinds) expect(json).not.toHaveProperty(kind)
    const peers = ['bullmq', 'ioredis', 'pg', 'pg-boss']
    expect(Object.keys(json.peerDependencies as object)).toEqual(peers)
    expect(json.peerDependenciesMeta).toEqual(Object.fromEntries(peers.map((name) => [name, { optional: true }])))
    // What a worker runs, and nothing that is imported for what it exports.
    expect(json.sideEffects).toEqual(['./dist/v128-worker*.js'])
  })

  test('exports files that the build makes', () => {
    const targets = Object.values(json.exports).flatMap((target) =>
      typeof target === 'string' ? target : Object.values(target),
    )
    for (const target of targets) expect(existsSync(join(root, target)), target).toBe(true)
  })

  test('has no maps of sources, which bundlers would look for', () => {
    const scripts = readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.js'))
    expect(scripts.length).toBeGreaterThan(30)
    expect(scripts.filter((name) => /^\/\/# sourceMappingURL=/m.test(read(`dist/${name}`)))).toEqual([])
  })
})

test('src has no default exports', () => {
  expect(files.filter((path) => /^\s*export\s+default\b|\bas\s+default\b/m.test(read(path)))).toEqual([])
})

test('what the files of the package import is in the package', () => {
  const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' })
  const [{ files }] = JSON.parse(listed) as [{ files: { path: string }[] }]
  const packed = new Set(files.map(({ path }) => path))
  expect(packed.has('dist/cli.js')).toBe(true)
  const missing = [...packed].flatMap((path) => {
    if (!path.endsWith('.js')) return []
    const names = readFileSync(path, 'utf8').matchAll(/(?:\bfrom|\bimport)\s*\(?\s*["']((?:\.{1,2}\/|#)[^"'\n]+)["']/g)
    return Array.from(names, ([, name]) => name).filter((name) => !packed.has(posix.join(posix.dirname(path), name)))
  })
  expect(missing).toEqual([])
})
