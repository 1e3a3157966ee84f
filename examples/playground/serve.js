// npm run playground [-- --port 8129] [-- --no-open]: builds the page, serves it, and opens it.
//
// The two headers let it use all cores; without them, on any server of static files, it uses one.

import { spawn } from 'node:child_process'
import { createReadStream, existsSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { OUT, buildPage } from './build.js'

/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.bin': 'application/octet-stream',
  '.wasm': 'application/wasm',
}
export const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

/** A server of the built page. @param {Record<string, string>} [headers] the two for all cores unless given */
export function createPageServer(headers = ISOLATION) {
  return createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
    const file = join(OUT, path.endsWith('/') ? `${path}index.html` : path)
    const type = TYPES[extname(file)]
    if (!file.startsWith(OUT) || !type || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
      response.writeHead(404).end('not found')
      return
    }
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache', ...headers })
    createReadStream(file).pipe(response)
  })
}

/** @param {string} address */
function openBrowser(address) {
  const [command, ...args] = {
    darwin: ['open', address],
    win32: ['cmd', '/c', 'start', '""', address],
  }[/** @type {string} */ (process.platform)] ?? ['xdg-open', address]
  const child = spawn(command, args, { stdio: 'ignore', detached: true })
  // Where there is no desktop the address is printed all the same.
  child.on('error', () => {})
  child.unref()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      port: { type: 'string' },
      open: { type: 'boolean', default: true },
      build: { type: 'boolean', default: true },
    },
    allowNegative: true,
  })
  if (values.build || !existsSync(join(OUT, 'index.html'))) await buildPage()
  const server = createPageServer()
  const listen = (/** @type {number} */ port) => server.listen(port, 'localhost')
  server.on('error', (/** @type {NodeJS.ErrnoException} */ error) => {
    // Any other will do, unless one was asked for.
    if (error.code === 'EADDRINUSE' && values.port === undefined) listen(0)
    else throw error
  })
  server.on('listening', () => {
    const address = server.address()
    const port = address && typeof address === 'object' ? address.port : 0
    console.log(`http://localhost:${port}/ (Ctrl-C stops)`)
    if (values.open) openBrowser(`http://localhost:${port}/`)
  })
  listen(Number(values.port ?? 8129))
}
