// node examples/worker/serve.js [port]: a page that trains in a web worker.
//
// Static files as they are: the page of this folder, and dist/ with the script of the worker, which npm run build makes.

import { createReadStream, statSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' }

const server = createServer((request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname))
  if (path === '/') {
    response.writeHead(302, { location: '/examples/worker/index.html' }).end()
    return
  }
  const file = join(ROOT, path)
  const type = TYPES[extname(file)]
  const allowed = /^\/(dist|examples\/worker)\//.test(path) && type
  if (!allowed || !statSync(file, { throwIfNoEntry: false })?.isFile()) {
    response.writeHead(404).end('not found')
    return
  }
  response.writeHead(200, { 'content-type': type })
  createReadStream(file).pipe(response)
})

server.listen(Number(process.argv[2] ?? 8128), 'localhost', () => {
  const address = server.address()
  const port = address && typeof address === 'object' ? address.port : 0
  console.log(`http://localhost:${port}/ (Ctrl-C stops)`)
})
