// Browsers without a driver: a server hands out pages, a browser is started at the first, each page that starts with an
// empty <output> posts what gets into it and goes on to the next.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { delay, run, start } from './processes.mjs'

const MINI_BROWSER = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'
const CHROMIUM =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking ' +
  '--disable-component-update --disable-sync --disable-breakpad'

const find = (name) =>
  (process.env.PATH ?? '')
    .split(':')
    .map((folder) => join(folder, name))
    .find(existsSync)

const chromium = find('chromium')
const firefox = find('firefox-esr')
const xvfb = find('xvfb-run')
const webkit = existsSync(MINI_BROWSER) && xvfb

/** What WebKitGTK has, but switches off: the files of an origin. */
const FEATURES = ['StorageAPI', 'FileSystem', 'AccessHandle', 'FileSystemWritableStream']

/**
 * `program` is undefined where the browser is not installed; `version` reads what it says of itself. `storing` is the same
 * browser with files of the origin, where it has none unless it is told to; `lacks` what it does not do then; `sharing`
 * the same browser with memory that threads share, where it has none, in pages that are isolated, unless it is told to.
 */
export const browsers = [
  {
    name: 'Chromium',
    program: chromium,
    needs: 'chromium of Debian',
    version: async () => (await run(chromium, ['--version'])).match(/[\d.]+/)[0],
    start: (url, profile) => start(chromium, [...CHROMIUM.split(' '), `--user-data-dir=${profile}`, url]),
  },
  {
    name: 'Firefox',
    program: firefox,
    needs: 'firefox-esr of Debian',
    version: async () => (await run(firefox, ['--version'])).match(/[\d.]+\w*/)[0],
    start: (url, profile) =>
      start(firefox, ['--headless', '--no-remote', '--profile', profile, url], {
        env: { ...process.env, HOME: profile },
      }),
  },
  {
    name: 'WebKitGTK',
    // Version 2.50.6 hangs, or throws "Unreachable code" in a module that has none, on one of some 250 pages that train in
    // WebAssembly; none of 240 in JavaScript did.
    tries: 2,
    program: webkit,
    needs: 'webkit2gtk-driver, xvfb and xauth of Debian',
    version: async () => (await run(xvfb, ['-a', MINI_BROWSER, '--version'])).match(/[\d.]+/)[0],
    start: (url, profile) => startWebKit(profile, {}, '--private', url),
    storing: (url, profile) => startWebKit(profile, {}, `--features=${FEATURES.map((name) => `+${name}`)}`, url),
    sharing: (url, profile) => startWebKit(profile, { JSC_useSharedArrayBuffer: '1' }, '--private', url),
    lacks: /^worker of an older WebKit: /,
  },
]

function startWebKit(profile, settings, ...args) {
  const env = { ...process.env, ...settings, HOME: profile, WEBKIT_DISABLE_COMPOSITING_MODE: '1' }
  return start(xvfb, ['-a', MINI_BROWSER, ...args], { env })
}

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.safetensors': 'application/octet-stream',
}

/** A policy that lets a page run its scripts, but compile nothing. */
const POLICY = "default-src 'self'; script-src 'self'"
/** One that lets it have workers, and compile, but no script that is not a file of its own. */
const WORKER_POLICY = "default-src 'self'; worker-src 'self'; script-src 'self' 'wasm-unsafe-eval'"
/** The pages that are under it; so is each script that may be that of a worker. */
const UNDER_WORKER_POLICY = /workers-page[^/]*\.html$|\.m?js$/
/** What a page needs to share memory among threads. */
const ISOLATED = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
/** More headers for what is in a folder, by what stands before the folder in a path. */
const VARIANTS = {
  isolated: ISOLATED,
  'no-blobs': { ...ISOLATED, 'content-security-policy': WORKER_POLICY },
}
/** For how long a page may be silent, in seconds. */
const PATIENCE = 60

/** Runs in each page: sends its output, or its first error, and goes where the answer says. */
const OBSERVER = `
const send = (result) => {
  clearInterval(timer)
  removeEventListener('error', failed)
  removeEventListener('unhandledrejection', failed)
  fetch('/result', { method: 'POST', body: JSON.stringify(result) })
    .then((response) => response.text())
    .then((next) => next && location.replace(next))
}
const failed = (event) => send({ error: String(event.reason ?? event.message) })
addEventListener('error', failed)
addEventListener('unhandledrejection', failed)
const timer = setInterval(() => {
  const text = document.querySelector('output').textContent
  if (text) send({ text })
}, 20)
`

/**
 * Shows the pages, paths in the folder `site`, one after the other, and returns for each what is in its <output>.
 * Throws an Error that names the page that failed or was silent, in a browser with `tries` the last of so many times.
 */
export async function visit(browser, ...rest) {
  for (let left = (browser.tries ?? 1) - 1; left > 0; left--) {
    try {
      return await visitOnce(browser, ...rest)
    } catch (error) {
      console.log(`Tried once more: ${error.message}`)
    }
  }
  return visitOnce(browser, ...rest)
}

async function visitOnce(browser, site, pages, profiles) {
  const texts = []
  let heard
  const results = []
  const server = createServer((request, response) => {
    const { pathname: whole } = new URL(request.url, 'http://localhost')
    const variant = Object.keys(VARIANTS).find((name) => whole.startsWith(`/${name}/`))
    const pathname = variant ? whole.slice(variant.length + 1) : whole
    if (pathname === '/result') {
      let body = ''
      request.on('data', (chunk) => (body += chunk))
      request.on('end', () => {
        results.push(JSON.parse(body))
        response.end(pages[results.length] ?? '')
        heard()
      })
      return
    }
    if (pathname === '/observer.js') {
      response.setHeader('content-type', TYPES['.js']).end(OBSERVER)
      return
    }
    const file = join(site, pathname)
    if (!TYPES[extname(file)] || !existsSync(file)) {
      response.writeHead(404).end()
      return
    }
    response.setHeader('content-type', TYPES[extname(file)])
    if (variant) response.setHeaders(new Headers(VARIANTS[variant]))
    else if (pathname.startsWith('/csp/')) response.setHeader('content-security-policy', POLICY)
    else if (UNDER_WORKER_POLICY.test(pathname)) response.setHeader('content-security-policy', WORKER_POLICY)
    const body = readFileSync(file)
    response.end(
      file.endsWith('.html')
        ? `${body}`.replace('<output></output>', '<script src="/observer.js"></script><output></output>')
        : body,
    )
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const profile = mkdtempSync(join(profiles, 'profile-'))
  const { stop, ended, output } = browser.start(`http://127.0.0.1:${server.address().port}${pages[0]}`, profile)
  try {
    for (const page of pages) {
      const answer = new Promise((resolve) => (heard = resolve))
      const over = results.length > texts.length ? true : await Promise.race([answer, ended, delay(1000 * PATIENCE)])
      const result = results[texts.length]
      if (!result) {
        const why = over ? 'the browser ended' : `nothing for ${PATIENCE} s`
        throw new Error(`${browser.name}, ${page}: ${why}\n${output.stderr.slice(-1000)}`)
      }
      if (result.error) throw new Error(`${browser.name}, ${page}: ${result.error}`)
      texts.push(result.text)
    }
  } finally {
    await stop()
    server.close()
    server.closeAllConnections()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  return texts
}
