// npm run test:runtimes [-- --only REGEX --readme]
//
// Packs the package, installs the tarball in an empty project, and trains one small CNN (programs/digest.mjs) in every
// runtime of this machine, on both backends, in both precisions: the hashes of what was learnt must be those below. So
// must those of a run that begins in Node, goes on in Deno and ends in Chromium, and of one whose page is loaded again.
// The consumers in test/consumers/ must say the same everywhere, the linters of packages nothing. In browsers, the page
// of examples/worker/ is started, cancelled and run to its end, and the frames that training drops are counted. On three
// threads the bits must be those of one, and others than the main thread must have computed some; where there can be but
// one thread, the console must say why.
//
// A runtime that is not installed is skipped, by name; with REQUIRE_RUNTIMES=all that is a failure. --only takes the
// runtimes whose names match; --readme writes the table of README.md beside
// this file.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { browsers, visit } from './browsers.mjs'
import { NPM, hosts, refusals } from './hosts.mjs'
import { run } from './processes.mjs'
import { createProject, createSite, isMissing, lintPackage } from './project.mjs'

/** The hash of every parameter and buffer after 100 steps. A kernel that rounds differently changes it, on purpose. */
const DIGESTS = { float64: '910ea65fdd98c6a9', float32: '605ee2a842f4dc75' }
/** Of a network whose kernels are in both groups: see trainMore in programs/digest.mjs. */
const MORE = { float64: 'cee0d6146f966b1a', float32: '97206b8b7b432266' }

/** What the consumers in test/consumers/ say. */
const CONSUMERS = {
  page: 'wasm: loss 0.014639571472618747, accuracy 1',
  deno: 'wasm: 3.0112879253945875 x + -0.9480711108884015',
  worker: 'wasm: loss 0.0007687178965685152, accuracy 1',
}

/** What the page of examples/worker/ says when it was cancelled, with what it learnt until then, and at its end. */
const EXAMPLE = {
  cancelled: /^cancelled after (9|[1-9]\d+) epochs, accuracy (100|[4-9]\d)\.\d %$/,
  done: /^done after 2000 epochs, accuracy 99\.8 %$/,
}

/** What the console says where a model has one thread, by what is in the way. */
const ONE_THREAD = {
  headers:
    /: this page is not cross-origin isolated; serve it with the headers Cross-Origin-Opener-Policy: same-origin /,
  blobs: /: a worker could not be had: .*allow blob: in worker-src of the page's content security policy$/,
  browser: /: this browser has no SharedArrayBuffer, though the page is cross-origin isolated/,
  host: /: this host has no workers$/,
}

/** Within a step that takes longer than this, in milliseconds, fit lets the page draw a frame: it yields every 8. */
const LONG_STEP = 20

/** From the import to the end of the first training step of the CNN for MNIST on Node, in milliseconds. */
const STARTUP = { runs: 9, limit: 150 }

/** In browsers, by folder of the site. */
const PLACES = { unbundled: '', vite: 'Vite, ', esbuild: 'esbuild, ', webpack: 'webpack, ', csp: 'strict CSP, ' }

const { values: flags } = parseArgs({
  options: { only: { type: 'string', default: '' }, readme: { type: 'boolean', default: false } },
})
const wanted = ({ name }) => new RegExp(flags.only, 'i').test(name)
const required = process.env.REQUIRE_RUNTIMES === 'all'
if (process.env.REQUIRE_RUNTIMES && !required) throw new Error("REQUIRE_RUNTIMES must be 'all' or not set")

const failures = []
const fail = (text) => void failures.push(text)
const began = performance.now()

const project = await createProject()
const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`
console.log(
  `${project.name} ${project.version}: ${kilobytes(project.size)}, ${kilobytes(project.unpackedSize)} unpacked`,
)
try {
  for (const complaint of await lintPackage(project)) fail(complaint)
} catch (error) {
  if (!isMissing(error)) throw error
  skip('publint and are-the-types-wrong', NPM)
}

// ---- the runtimes ----

function skip(name, needs) {
  const text = `${name}: not installed (${needs})`
  if (required) fail(text)
  else console.log(`skipped ${text}`)
}

const HEAD = ['runtime', 'version', 'where', 'engine', 'precision', 'digest', 'ms/step']
const WIDTHS = [12, 16, 23, 11, 9, 16, 7]
const line = (cells) => cells.map((cell, i) => cell.padEnd(WIDTHS[i])).join('  ')
console.log(`\n${line(HEAD)}`)

const table = []

/** Checks what one place of a runtime gave, and prints it. `forbidden`: it must have fallen back, and said so once. */
function record(runtime, version, where, { rows, warnings }, forbidden = false) {
  for (const { backend, dtype, digest, more, ms } of rows) {
    table.push({ runtime, version, where, backend, dtype, ms })
    console.log(line([runtime, version, where, backend, dtype, digest, ms.toFixed(3)]))
    if (digest !== DIGESTS[dtype])
      fail(`${runtime}, ${where}: ${backend} ${dtype} ends with ${digest}, not ${DIGESTS[dtype]}`)
    if (more !== MORE[dtype])
      fail(`${runtime}, ${where}: ${backend} ${dtype} ends with ${more}, not ${MORE[dtype]}, of kernels of both groups`)
  }
  const cases = rows.map(({ backend, dtype }) => `${backend} ${dtype}`).join()
  const all = forbidden ? /^js float64,js float32$/ : /^wasm float64,wasm float32(,js float64,js float32)?$/
  if (!all.test(cases)) fail(`${runtime}, ${where}: ran ${cases}`)
  const said = warnings.join('\n')
  if (forbidden ? warnings.length !== 1 || !/^v128: .* compiles no WebAssembly/.test(said) : said) {
    fail(`${runtime}, ${where}: said ${warnings.length} times: ${said}`)
  }
}

function consumed(consumer, runtime, text) {
  console.log(`${runtime}, test/consumers/${consumer}: ${text.trim()}`)
  if (text.trim() !== CONSUMERS[consumer]) fail(`${runtime}: test/consumers/${consumer} says: ${text}`)
}

function checkExample(browser, { cancelled, done, reports }) {
  console.log(`${browser}, examples/worker: ${cancelled}; ${done} and ${reports} reports`)
  if (!EXAMPLE.cancelled.test(cancelled) || !EXAMPLE.done.test(done)) fail(`${browser}: wrong words of examples/worker`)
}

/**
 * Prints what became of the frames. How many are dropped depends on the machine. That there are some does not, nor that
 * they come within long steps; one or two may come before the first step.
 */
function checkFrames(browser, { idle, ...runs }) {
  const share = ({ frames, dropped }) => `${((100 * dropped) / (frames + dropped)).toFixed(1)} %`
  for (const [dtype, run] of Object.entries(runs)) {
    const { frames, within, longest, ms } = run
    console.log(
      `${browser}, CNN for MNIST on the main thread, ${dtype}: ${share(run)} of the frames dropped (${share(idle)} at ` +
        `rest), ${Math.round(longest)} ms the longest, ${ms.toFixed(1)} ms/step, ${within} of ${frames} within a step`,
    )
    if (frames <= 2 || (ms > LONG_STEP && !within))
      fail(`${browser}: training in ${dtype} stops the frames of its page`)
  }
}

/** What is wrong with v128/files; what a browser is known to lack is printed. */
function checkFiles(runtime, faults, lacks) {
  const known = faults.filter((fault) => lacks?.test(fault))
  for (const fault of known) console.log(`${runtime}, v128/files lacks: ${fault}`)
  for (const fault of faults) if (!known.includes(fault)) fail(`${runtime}, v128/files: ${fault}`)
  console.log(`${runtime}, v128/files: ${faults.length - known.length} faults`)
}

/** What is wrong with what programs/workers.mjs gave. */
function workerFaults(results) {
  return results.flatMap(({ dtype, backend, digest, stopped, steps, predictions, error }) => {
    const faults = []
    if (digest !== DIGESTS[dtype]) faults.push(`${backend} ${dtype} ends with ${digest}, not ${DIGESTS[dtype]}`)
    if (stopped !== 'signal') faults.push(`the run that was cancelled ended by ${stopped}`)
    if (steps !== 100) faults.push(`${steps} steps`)
    if (predictions !== 480) faults.push(`${predictions} predictions`)
    if (!error.startsWith('DataError: x: want rows of 128 numbers')) faults.push(`an error is ${error}`)
    return faults
  })
}

/** A model in a worker ends with the same bits, as often as it is cut off. */
function checkWorkers(where, results) {
  console.log(`${where}, models in workers: ${results.map(({ backend, digest }) => `${backend} ${digest}`).join(', ')}`)
  if (results.length !== 2) fail(`${where}, models in workers: ${results.length} results`)
  for (const fault of workerFaults(results)) fail(`${where}, models in workers: ${fault}`)
}

/** What is wrong with what programs/threads.mjs gave, where `obstacle` is in the way, if anything is. */
function threadFaults({ rows, auto, warnings }, obstacle) {
  const several = !obstacle
  const faults = rows.flatMap(({ dtype, backend, digest, threads, same, others }) => {
    const row = []
    if (backend !== 'wasm') row.push(`runs on ${backend}`)
    if (digest !== DIGESTS[dtype]) row.push(`ends with ${digest}, not ${DIGESTS[dtype]}`)
    if (!same) row.push('ends with other bits than on one thread')
    if (threads.join() !== (several ? '3,3' : '1,1')) row.push(`has ${threads} threads`)
    if (several !== others > 0) row.push(`other threads computed ${others} shares`)
    return row.map((fault) => `${dtype} ${fault}`)
  })
  if (rows.length !== 2) faults.push(`${rows.length} rows`)
  if (auto > 1 !== (several && cpus().length > 1)) faults.push(`'auto' takes ${auto} threads`)
  const right = obstacle ? warnings.length === 1 && ONE_THREAD[obstacle].test(warnings[0]) : !warnings.length
  if (!right) faults.push(`says ${warnings.length} times: ${warnings.join('\n')}`)
  return faults
}

/** Threads give the bits of one; where there can be none, the console says so. */
function checkThreads(runtime, places, obstacle) {
  for (const [place, results] of Object.entries(places)) {
    const where = `${runtime}, ${place}`
    const shares = results.rows.map(({ dtype, others }) => `${others} shares in ${dtype}`).join(', ')
    const words = obstacle ? results.warnings.join('; ') : `others computed ${shares}; 'auto' takes ${results.auto}`
    console.log(`${where}, threads: ${words}`)
    for (const fault of threadFaults(results, obstacle)) fail(`${where}, threads: ${fault}`)
  }
}

/** A page that was loaded again goes on, with a new run and in the middle of one, as if it had not been. */
function checkReload(browser, { atOnce }, { restored, resumed, classes }) {
  console.log(`${browser}, loaded again: ${restored} after another run, ${resumed} at the end of the one in work`)
  if (restored !== atOnce) fail(`${browser}: a restored model ends with ${restored}, not ${atOnce}`)
  if (resumed !== DIGESTS.float64) fail(`${browser}: a resumed run ends with ${resumed}, not ${DIGESTS.float64}`)
  if (classes !== 'a,b,c,d') fail(`${browser}: the metadata of a model came back as ${classes}`)
}

/** A run that begins in one host, goes on in another and ends in a browser, each on another engine, and one in one host. */
async function checkCarried() {
  const [first, second] = ['Node', 'Deno'].map((name) => hosts.find((host) => host.name.startsWith(name)))
  const third = browsers.find(({ name }) => name === 'Chromium')
  const all = [first, second, third]
  if (!all.every((one) => one.program && wanted(one))) return
  const [whole, carried] = ['whole', 'parts'].map((name) => join(site, name))
  for (const folder of [whole, carried]) mkdirSync(folder)
  const wantedEnd = await first.part(project, whole, 'wasm', '0', 'Infinity')
  await first.part(project, carried, 'wasm', '0', '33')
  await second.part(project, carried, 'js', '33', '71')
  const [text] = await visit(third, site, ['/unbundled/parts-page.html'], project.folder)
  console.log(
    `${all.map(({ name }) => name).join(', ')}, a run in parts: ${JSON.parse(text).map(({ digest }) => digest)}`,
  )
  if (text !== JSON.stringify(wantedEnd)) fail(`a run in parts ends with ${text}, not ${JSON.stringify(wantedEnd)}`)
  for (const { dtype, digest } of JSON.parse(text)) {
    if (digest !== DIGESTS[dtype]) fail(`a run in parts ends with ${digest}, not ${DIGESTS[dtype]}`)
  }
}

for (const host of hosts.filter(wanted)) {
  if (!host.program) {
    skip(host.name, host.needs)
    continue
  }
  try {
    const version = await host.version()
    for (const [where, results] of Object.entries(await host.run(project))) {
      record(host.name, version, where, results, host.name === 'workerd' && where === 'default entry')
    }
    checkFiles(host.name, await host.files(project))
    if (host.workers) checkWorkers(host.name, await host.workers(project))
    const { places, scores } = await host.threads(project)
    checkThreads(host.name, places, scores ? undefined : 'host')
    if (scores && scores.join() !== '3,3') fail(`${host.name}: trials of a search have ${scores} threads`)
    if (host.consume) consumed(host.name === 'Deno' ? 'deno' : 'worker', host.name, await host.consume(project))
  } catch (error) {
    fail(`${host.name}: ${error.message}`)
  }
}

/** Models in workers, under a content security policy; and what one says whose worker is ended. */
async function checkWorkerPages(browser) {
  const has = (folder) => folder !== 'csp' && existsSync(join(site, folder, 'workers-page.html'))
  const folders = Object.keys(PLACES).filter(has)
  const pages = folders.map((folder) => `/${folder}/workers-page.html`)
  const ending = `/unbundled/workers-page.html?end=/${project.name}/dist/v128-worker.js`
  const texts = await visit(browser, site, [...pages, ending], project.folder)
  const found = texts.map((text) => JSON.parse(text))
  for (const [i, { results }] of found.entries()) checkWorkers(`${browser.name}, ${folders[i] ?? 'ended'}`, results)
  const { ended } = found.at(-1)
  console.log(`${browser.name}, a worker that is ended: ${ended}`)
  if (!ended.startsWith('PlanError: fit: the worker of this model is gone: it was ended from outside; ')) {
    fail(`${browser.name}: of a worker that is ended it says ${ended}`)
  }
}

/**
 * Threads in pages that are isolated, however they were bundled, one of them with a global `process` that is none of Node;
 * in such whose policy forbids their workers; and in others.
 */
async function checkThreadPages(browser) {
  const has = (folder) => folder !== 'csp' && existsSync(join(site, folder, 'threads-page.html'))
  const folders = Object.keys(PLACES).filter(has)
  const pages = folders.map(
    (folder) => `/isolated/${folder}/threads-page.html${folder === 'esbuild' ? '?process' : ''}`,
  )
  const sharing = browser.sharing ? { ...browser, start: browser.sharing } : browser
  const texts = await visit(sharing, site, [...pages, '/no-blobs/unbundled/threads-page.html'], project.folder)
  const refused = browser.sharing ? ['/isolated/unbundled/threads-page.html'] : []
  texts.push(...(await visit(browser, site, ['/unbundled/threads-page.html', ...refused], project.folder)))
  const obstacles = [...folders.map(() => undefined), 'blobs', 'headers', 'browser']
  for (const [i, text] of texts.entries()) {
    checkThreads(`${browser.name}, ${folders[i] ?? obstacles[i]}`, JSON.parse(text), obstacles[i])
  }
}

/** Files of pages, and training: saved, and there when the page is loaded again. */
async function checkStorage(browser) {
  const storing = browser.storing ? { ...browser, start: browser.storing } : browser
  for (const folder of ['unbundled', 'esbuild']) {
    const pages = ['files-page.html?save', 'files-page.html?load', 'reload-page.html?train', 'reload-page.html?goOn']
    const paths = pages.map((page) => `/${folder}/${page}`)
    const [saved, loaded, ...rest] = (await visit(storing, site, paths, project.folder)).map((text) => JSON.parse(text))
    checkFiles(`${browser.name}, ${folder}`, [...saved, ...loaded], browser.lacks)
    checkReload(`${browser.name}, ${folder}`, ...rest)
  }
  if (!browser.storing) return
  const [texts] = await visit(browser, site, ['/unbundled/files-page.html?refuse'], project.folder)
  checkFiles(`${browser.name}, as it is`, refusals(JSON.parse(texts)))
}

const present = browsers.filter(wanted).filter((browser) => browser.program || skip(browser.name, browser.needs))
const site = present.length ? await createSite(project, (bundler) => skip(bundler, NPM)) : ''
for (const browser of present) {
  try {
    const version = await browser.version()
    const folders = Object.keys(PLACES).filter((folder) => existsSync(join(site, folder)))
    const pages = folders.map((folder) => `/${folder}/page.html${folder === 'csp' ? '?backends=auto' : ''}`)
    const others = ['/consumer/index.html', '/unbundled/example.html', '/unbundled/frames.html']
    const texts = await visit(browser, site, [...pages, ...others], project.folder)
    for (const [i, folder] of folders.entries()) {
      for (const [place, results] of Object.entries(JSON.parse(texts[i]))) {
        record(browser.name, version, PLACES[folder] + place, results, folder === 'csp')
      }
    }
    const [consumer, example, frames] = texts.slice(-others.length)
    consumed('page', browser.name, consumer)
    checkExample(browser.name, JSON.parse(example))
    checkFrames(browser.name, JSON.parse(frames))
    await checkStorage(browser)
    await checkWorkerPages(browser)
    await checkThreadPages(browser)
  } catch (error) {
    fail(`${browser.name}: ${error.message}`)
  }
}

try {
  if (site) await checkCarried()
} catch (error) {
  fail(`a run in parts: ${error.message}`)
}

// ---- start-up ----

const times = []
for (let i = 0; i < STARTUP.runs; i++) {
  times.push(JSON.parse(await run(process.execPath, ['startup.mjs'], { cwd: project.app })))
}
const [clock, processor] = ['clock', 'processor'].map((name) => Math.round(Math.min(...times.map((t) => t[name]))))
const startup =
  `Start-up on Node ${process.versions.node}, from the import to the end of the first training step of the CNN ` +
  `for\nMNIST: ${clock} ms, the least of ${STARTUP.runs} processes`
console.log(`\n${startup.replace('\n', ' ')} (${processor} ms of the processor)`)
// Where others keep the machine busy, the clock says nothing.
if (Math.min(clock, processor) > STARTUP.limit) fail(`start-up takes more than ${STARTUP.limit} ms`)

// ---- README.md ----

/** A row for each runtime: the least of its places, by backend and precision. */
function markdown() {
  const columns = [
    ['wasm', 'float64'],
    ['wasm', 'float32'],
    ['js', 'float64'],
    ['js', 'float32'],
  ]
  const rows = [...new Set(table.map(({ runtime }) => runtime))].map((runtime) => {
    const own = table.filter((row) => row.runtime === runtime)
    const places = new Set(own.map(({ where }) => where)).size
    const figures = columns.map(([backend, dtype]) => {
      const times = own.filter((row) => row.backend === backend && row.dtype === dtype).map(({ ms }) => ms)
      return Math.min(...times).toFixed(2)
    })
    return [`${runtime}`, own[0].version, ...figures, `${places}`]
  })
  const head = ['runtime', 'version', ...columns.map(([backend, dtype]) => `${backend} ${dtype}`), 'ways to load it']
  const widths = head.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)))
  const row = (cells) =>
    `| ${cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`
  const rule = `| ${widths.map((width, i) => (i < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`
  return [
    `Milliseconds for a training step of a small CNN (batches of 8; ${cpus()[0].model}), the least of the ways\nto load ` +
      `it. Every run ends with the same parameters: their hash is \`${DIGESTS.float64}\` in float64,\n` +
      `\`${DIGESTS.float32}\` in float32.`,
    [row(head), rule, ...rows.map(row)].join('\n'),
    `${startup}.`,
  ].join('\n\n')
}

if (flags.readme && !failures.length) {
  const path = join(import.meta.dirname, 'README.md')
  const parts = readFileSync(path, 'utf8').split(/(<!-- \/?test:runtimes -->)/)
  if (parts.length !== 5) throw new Error(`${path} has lost its markers`)
  parts[2] = `\n\n${markdown()}\n\n`
  writeFileSync(path, parts.join(''))
}

const seconds = Math.round((performance.now() - began) / 1000)
const runtimes = new Set(table.map(({ runtime }) => runtime)).size
console.log(`${runtimes} runtimes, ${table.length} runs, ${failures.length} failures, in ${seconds} s`)
for (const failure of failures) console.log(`FAILED  ${failure}`)
process.exit(failures.length ? 1 : 0)
