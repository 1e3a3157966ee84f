// The package as its users get it: packed, installed in an empty project, bundled; and what linters say of it.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './processes.mjs'

export const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
const consumers = ['page', 'deno', 'worker']

/**
 * Packs the package and installs the tarball in an empty project and in copies of the consumers, all in a folder that
 * goes away with this process. Nothing is downloaded.
 */
export async function createProject() {
  const folder = mkdtempSync(join(tmpdir(), 'v128-runtimes-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const packed = await run(npm, ['pack', '--json', '--pack-destination', folder], { cwd: root })
  // The build says a word before npm does.
  const [{ filename, name, version, size, unpackedSize }] = JSON.parse(packed.slice(packed.search(/^\[/m)))
  const tarball = join(folder, filename)
  const app = join(folder, 'app')
  cpSync(join(here, 'programs'), app, { recursive: true })
  writeFileSync(join(app, 'package.json'), '{ "private": true, "type": "module" }\n')
  for (const consumer of consumers) {
    cpSync(join(here, '../consumers', consumer), join(folder, consumer), { recursive: true })
  }
  const options = ['--offline', '--no-audit', '--no-fund', '--loglevel=error']
  for (const cwd of [app, join(folder, 'page'), join(folder, 'worker')]) {
    await run(npm, ['install', ...options, tarball], { cwd })
  }
  return { folder, app, tarball, name, version, size, unpackedSize }
}

/** A registry with this one package, for Deno's npm: specifiers. */
export async function createRegistry({ tarball, app, name, version }) {
  const manifest = JSON.parse(readFileSync(join(app, 'node_modules', name, 'package.json'), 'utf8'))
  const server = createServer((request, response) => {
    if (request.url === `/${name}`) {
      const dist = { tarball: `${url}/${name}.tgz` }
      const versions = { [version]: { ...manifest, dist } }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }))
    } else if (request.url === `/${name}.tgz`) {
      response.end(readFileSync(tarball))
    } else {
      response.statusCode = 404
      response.end()
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}`
  return { url, close: () => server.close() }
}

/**
 * What pages need, each in a folder of its own: not bundled, the same under a content security policy, bundled three
 * ways, the page that is a consumer, and examples/worker/ where it finds the package. Returns the folder; `skip(name)` is called for a bundler that is not installed.
 */
export async function createSite({ app, folder, name }, skip) {
  const site = join(folder, 'site')
  cpSync(join(app, 'node_modules', name), join(site, name), { recursive: true })
  cpSync(join(root, 'examples/worker'), join(site, name, 'examples/worker'), { recursive: true })

  // Browsers resolve no bare names, and workers no import maps.
  const plain = join(site, 'unbundled')
  mkdirSync(plain)
  const pages = [
    'page',
    'frames',
    'example',
    'files-page',
    'parts-page',
    'reload-page',
    'threads-page',
    'workers-page',
  ].flatMap((page) => [`${page}.html`, `${page}.mjs`])
  const workers = ['page-worker', 'files-worker', 'threads-worker']
  const parts = ['digest', 'files', 'mnist', 'parts', 'threads', 'workers']
  const modules = [...workers, ...parts].map((name) => `${name}.mjs`)
  for (const file of [...pages, ...modules]) {
    const text = readFileSync(join(app, file), 'utf8')
    const files = text.replace("from 'v128/files'", `from '../${name}/dist/files.browser.js'`)
    const both = files.replace("from 'v128/worker'", `from '../${name}/dist/worker.js'`)
    writeFileSync(join(plain, file), both.replace("from 'v128'", `from '../${name}/dist/index.js'`))
  }
  cpSync(plain, join(site, 'csp'), { recursive: true })

  const { build: esbuild } = await import('esbuild')
  await esbuild({
    entryPoints: [
      'page',
      'page-worker',
      'files-page',
      'files-worker',
      'reload-page',
      'threads-page',
      'threads-worker',
    ].map((file) => join(app, `${file}.mjs`)),
    outdir: join(site, 'esbuild'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    logLevel: 'warning',
  })
  for (const page of ['page.html', 'files-page.html', 'reload-page.html', 'threads-page.html'])
    cpSync(join(app, page), join(site, 'esbuild', page))
  // As v128/worker says: its script is an entry point of its own, beside the bundle.
  await esbuild({
    entryPoints: { 'workers-page': join(app, 'workers-page.mjs'), 'v128-worker': `${name}/worker/script` },
    absWorkingDir: app,
    outdir: join(site, 'esbuild'),
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    logLevel: 'warning',
  })
  const html = readFileSync(join(app, 'workers-page.html'), 'utf8')
  writeFileSync(join(site, 'esbuild/workers-page.html'), html.replace('workers-page.mjs', 'workers-page.js'))

  try {
    for (const page of ['page', 'threads-page', 'workers-page']) {
      const output = { path: join(site, 'webpack'), filename: `${page}.mjs` }
      await webpack({ entry: join(app, `${page}.mjs`), output })
      cpSync(join(app, `${page}.html`), join(site, 'webpack', `${page}.html`))
    }
  } catch (error) {
    if (!isMissing(error)) throw error
    skip('webpack')
  }

  const vite = await import('vite')
  const complain = (text) => {
    throw new Error(`Vite: ${text}`)
  }
  const customLogger = { ...vite.createLogger('warn'), warn: complain, warnOnce: complain }
  const common = { configFile: false, base: './', logLevel: 'warn', customLogger }
  await vite.build({
    ...common,
    root: app,
    build: {
      outDir: join(site, 'vite'),
      emptyOutDir: true,
      rollupOptions: { input: ['page', 'threads-page', 'workers-page'].map((page) => join(app, `${page}.html`)) },
    },
  })
  await vite.build({
    ...common,
    root: join(folder, 'page'),
    build: { outDir: join(site, 'consumer'), emptyOutDir: true },
  })
  return site
}

/** Whether an import failed since nothing of that name is installed. */
export function isMissing(error) {
  return error.code === 'ERR_MODULE_NOT_FOUND'
}

async function webpack(config) {
  const { default: pack } = await import('webpack')
  const common = { mode: 'production', resolve: { symlinks: false }, performance: { hints: false } }
  return new Promise((resolve, reject) => {
    pack({ ...common, ...config }, (error, stats) => {
      if (error) reject(error)
      else if (stats.hasErrors() || stats.hasWarnings()) reject(new Error(`webpack: ${stats.toString()}`))
      else resolve()
    })
  })
}

/** A module for workerd, with the kernels beside it. */
export async function bundleForWorkerd(entry, outdir, conditions) {
  const { build } = await import('esbuild')
  await build({
    entryPoints: { main: entry },
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    conditions,
    loader: { '.wasm': 'copy' },
    assetNames: '[name]',
    logLevel: 'warning',
  })
}

/** A script for edge-runtime, where v128 is as on any host that compiles bytes. */
export async function bundleForEdge(entry) {
  const { build } = await import('esbuild')
  const result = await build({ entryPoints: [entry], bundle: true, format: 'iife', write: false, logLevel: 'warning' })
  return result.outputFiles[0].text
}

/**
 * A script for edge-runtime as frameworks for Vercel bundle it: by webpack, with the export condition 'edge-light',
 * where `x.wasm?module` is a compiled module that the host hands in as a global.
 */
export async function bundleForVercel(entry, path) {
  await webpack({
    entry,
    output: { path, filename: 'main.js' },
    target: 'webworker',
    resolve: { symlinks: false, conditionNames: ['edge-light', 'import'] },
    module: {
      rules: [
        {
          test: /\.wasm$/,
          resourceQuery: /^\?module$/,
          type: 'javascript/auto',
          use: join(here, 'wasm-loader.cjs'),
        },
      ],
    },
  })
  return readFileSync(join(path, 'main.js'), 'utf8')
}

/** The complaints about the package of publint, of are-the-types-wrong, and of tsc about the consumers. */
export async function lintPackage({ folder, app, tarball, name }) {
  const complaints = []
  const { publint } = await import('publint')
  const { formatMessage } = await import('publint/utils')
  const pkgDir = join(app, 'node_modules', name)
  const { messages, pkg } = await publint({ pkgDir, pack: false })
  for (const message of messages) complaints.push(`publint: ${formatMessage(message, pkg, { color: false })}`)

  const attw = join(here, 'node_modules/@arethetypeswrong/cli/dist/index.js')
  const options = ['--profile', 'esm-only', '--no-color', '--no-emoji', '--format', 'table-flipped']
  await run(process.execPath, [attw, tarball, ...options]).catch((error) => complaints.push(`attw: ${error.message}`))

  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const strict = ['--ignoreConfig', '--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2023,dom']
  for (const resolution of ['bundler', 'nodenext']) {
    const mode = ['--module', resolution === 'bundler' ? 'esnext' : resolution, '--moduleResolution', resolution]
    for (const consumer of ['page', 'worker']) {
      await run(process.execPath, [tsc, ...strict, ...mode, join(folder, consumer, 'main.ts')]).catch((error) =>
        complaints.push(`tsc, moduleResolution ${resolution}: ${error.message}`),
      )
    }
  }
  return complaints
}
