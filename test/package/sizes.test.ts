// What the package weighs, beside what it weighed when test/package/sizes.json was written, and what it may weigh.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { fromStreams } from '../../src/engine/streams'
import { decode } from '../../src/engine/text'

const root = join(fileURLToPath(import.meta.url), '../../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const zipped = (text: string) => gzipSync(text, { level: 9 }).length

/** What esbuild makes of a program: each of its files, and which of them are loaded before it runs. */
async function bundle(contents: string, minify: boolean) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    splitting: true,
    minify,
    format: 'esm',
    target: 'es2022',
    outdir: 'bundle',
    metafile: true,
    logLevel: 'error',
    absWorkingDir: root,
    write: false,
  })
  const code = (file: string) => outputFiles.find(({ path }) => path === join(root, file))!.text
  const partOf = (file: string) => metafile.outputs[file].entryPoint?.match(/^dist\/(.+)-\w+\.js$/)?.[1]
  const names = Object.keys(metafile.outputs)
  const start = new Set<string>()
  const visit = (file: string): void => {
    if (start.has(file)) return
    start.add(file)
    for (const { path, kind } of metafile.outputs[file].imports) if (kind === 'import-statement') visit(path)
  }
  visit(names.find((file) => metafile.outputs[file].entryPoint === '<stdin>')!)
  return {
    start: [...start].map(code),
    /** Loaded later, by the file of dist/ that each is made of: 'wasm.f32', say. */
    later: Object.fromEntries(
      names.flatMap((file) => {
        const part = partOf(file)
        return part ? [[part, code(file)]] : []
      }),
    ),
    /** Those of them that it loads when it runs. */
    run(): string[] {
      const folder = mkdtempSync(join(root, 'dist/page-'))
      try {
        for (const file of names) {
          const part = partOf(file)
          const note = part ? `console.log(${JSON.stringify(part)});` : ''
          writeFileSync(
            join(folder, `${basename(file, '.js')}.mjs`),
            note + code(file).replace(/(\.\/[\w.-]+)\.js\b/g, '$1.mjs'),
          )
        }
        writeFileSync(
          join(folder, 'run.mjs'),
          "globalThis.document = { querySelector: () => ({}) }\nawait import('./stdin.mjs')\n",
        )
        return execFileSync(process.execPath, [join(folder, 'run.mjs')], { encoding: 'utf8' })
          .trim()
          .split('\n')
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  }
}

const bytes = (texts: string[]) => texts.reduce((sum, text) => sum + zipped(text), 0)
const wasm = (short: string, group = 'kernels') => readFileSync(join(root, `dist/${group}.${short}.wasm`))

test('sizes are within their budgets', async () => {
  const page = await bundle(read('test/runtimes/programs/cnn.mjs'), true)
  const all = await bundle("export * from 'v128'", true)
  const alone = await bundle("export { adam, dense } from 'v128'", true)
  const worker = await bundle("export { createWorkerModel } from 'v128/worker'", true)
  const script = await bundle("import 'v128/worker/script'", true)
  const loaded = page.run()
  expect(loaded).toEqual(['wasm.f32.cnn7'])
  const [javascript, kernels] = [bytes(page.start), bytes(loaded.map((part) => page.later[part]))]
  const sizes: Record<string, number> = {
    'kernels.f64.wasm': wasm('f64').length,
    'kernels.f32.wasm': wasm('f32').length,
    'kernels.more.f64.wasm': wasm('f64', 'kernels.more').length,
    'kernels.more.f32.wasm': wasm('f32', 'kernels.more').length,
    'page: JavaScript, gzipped': javascript,
    'page: kernels, gzipped': kernels,
    'page: all it downloads, gzipped': javascript + kernels,
    'kernels of dense layers, gzipped': zipped(page.later['wasm.f32.dense']),
    'all exports of v128, gzipped': bytes(all.start),
    'dense and adam alone, gzipped': bytes(alone.start),
    'v128/worker: the page, gzipped': bytes(worker.start),
    'v128/worker: the script, gzipped': bytes(script.start),
  }

  const file = 'test/package/sizes.json'
  const accepted = JSON.parse(read(file)) as Record<string, { was: number; budget?: number }>
  const lines = read(file).split('\n')
  expect(Object.keys(accepted), `${file} has a line for each size`).toEqual(Object.keys(sizes))
  const cells = Object.entries(sizes).map(([name, is]) => {
    const { was, budget } = accepted[name]
    const line = lines.findIndex((text) => text.includes(`"${name}"`)) + 1
    const change = is === was ? '' : `${is > was ? '+' : ''}${is - was}`
    return [name, `${was}`, `${is}`, change, `${budget ?? ''}`, `${file}:${line}${is > budget! ? ' OVER' : ''}`]
  })
  const table = [['bytes', 'was', 'is', 'change', 'budget', 'line'], ...cells]
    .map(([name, ...rest]) => [name.padEnd(32), ...rest.map((cell) => cell.padStart(8))].join('  '))
    .join('\n')
  console.log(table)
  const over = cells.filter((row) => row[5].endsWith('OVER'))
  const how =
    'Over its budget (the page is test/runtimes/programs/cnn.mjs). Make it smaller again, or, where it is worth that, ' +
    'raise "budget" in the line named and set "was" to what it is, and say why in the commit:'
  expect(over.length, `${how}\n\n${table}\n`).toBe(0)
})

test('kernels, their twins and threads are loaded later, each precision by itself', async () => {
  const { start, later } = await bundle("export * from 'v128'", false)
  const names = ['f32', 'f64'].flatMap((short) => ['', '.cnn', '.cnn7', '.dense', '.more'].map((part) => short + part))
  const parts = names.map((name) => `wasm.${name}`)
  expect(Object.keys(later).toSorted()).toEqual(['threads', 'twin.f32', 'twin.f64', ...parts])
  for (const short of ['f64', 'f32']) {
    const url = `data:text/javascript,${encodeURIComponent(later[`wasm.${short}`])}`
    const { default: text } = (await import(/* @vite-ignore */ url)) as { default: string }
    expect(Buffer.from(fromStreams(decode(text))).equals(wasm(short))).toBe(true)
    const part = text.slice(1000, 1100)
    expect(later[`wasm.${short}`]).toContain(part)
    for (const other of [...start, later['wasm.f64'], later['wasm.f32']]) {
      if (other !== later[`wasm.${short}`]) expect(other).not.toContain(part)
    }
  }
})

test('a program carries only what it imports', async () => {
  const code = (await bundle("export { adam, dense } from 'v128'", false)).start.join('\n')
  const declares = (name: string) => new RegExp(`^(async )?(function|class|var) ${name}\\b`, 'm').test(code)
  const own = /^(layers\/dense|optimizers\/adam|initializers|errors|plan\/calls)$/
  for (const [, names, file] of read('src/entries/index.ts').matchAll(/^export \{([^}]*)\} from '\.\.\/([^']+)'/gm)) {
    if (!own.test(file)) expect(names.match(/\w+/g)!.filter(declares), file).toEqual([])
  }
  expect(['adam', 'dense'].filter(declares)).toEqual(['adam', 'dense'])
})
