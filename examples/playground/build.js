// Builds the page into dist/playground: static files for any server. Needs what npm run build makes.

import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { loadMnist } from '../mnist-data.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = join(HERE, '../..')
export const OUT = join(ROOT, 'dist/playground')

const TRAIN = 4096
const TEST = 1024

/** Some digits in one file: counts and sides, labels, pixels; zipped. */
function packDigits() {
  const [train, test] = [loadMnist('train', TRAIN), loadMnist('test', TEST)]
  const head = Buffer.from(new Uint32Array([TRAIN, TEST, 28, 28]).buffer)
  return gzipSync(Buffer.concat([head, train.y, test.y, train.x, test.x]), { level: 9 })
}

/** Every file of a folder, by its path in it. @param {string} folder */
const filesOf = (folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => name.replaceAll('\\', '/'))
    .toSorted()

/** Builds all of it. */
export async function buildPage() {
  rmSync(OUT, { recursive: true, force: true })
  mkdirSync(OUT, { recursive: true })
  const dist = (/** @type {string} */ name) => join(ROOT, 'dist', name)
  await build({
    configFile: false,
    root: HERE,
    base: './',
    logLevel: 'warn',
    resolve: {
      alias: [
        { find: /^v128$/, replacement: dist('index.js') },
        { find: /^v128\/(data|onnx|tfjs|worker)$/, replacement: dist('$1.js') },
        { find: 'v128/worker/script', replacement: dist('v128-worker.js') },
        // The page starts worker.ts instead, so that of the worker there is one bundle.
        { find: './worker-web.js', replacement: join(HERE, 'no-worker.ts') },
      ],
    },
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    worker: { format: 'es' },
    build: {
      outDir: OUT,
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: false,
      reportCompressedSize: false,
      rolldownOptions: {
        input: { index: join(HERE, 'index.html'), worker: join(HERE, 'worker.ts') },
        output: {
          entryFileNames: ({ name }) => (name === 'worker' ? 'worker.js' : 'assets/[name]-[hash].js'),
        },
      },
    },
  })
  writeFileSync(join(OUT, 'digits.bin'), packDigits())
  const files = filesOf(OUT)
  const hash = createHash('sha256')
  for (const name of files) hash.update(readFileSync(join(OUT, name)))
  const version = hash.digest('hex').slice(0, 16)
  const built = JSON.stringify({ VERSION: version, FILES: ['./', ...files] })
  writeFileSync(join(OUT, 'sw.js'), readFileSync(join(HERE, 'sw.js'), 'utf8').replace('BUILT', built))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage()
