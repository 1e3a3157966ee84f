// What bench:peers and bench:threads share: peers as processes of their own, and what is told of their figures.

import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const python = '/usr/bin/python3'

// Optimised at once: as a module starts in V8's baseline tier, two to three times slower, whether and when a function
// leaves it depends on how busy the machine is.
export const node = (file) => [process.execPath, '--no-liftoff', '--disable-warning=ExperimentalWarning', file]

/** Of a child that computes on so many threads. */
const environmentOf = (threads) => ({
  ...process.env,
  // The allocator kept from giving memory back to the system after each operation, which costs PyTorch a third.
  MALLOC_MMAP_THRESHOLD_: '4294967296',
  MALLOC_TRIM_THRESHOLD_: '8589934592',
  MALLOC_TOP_PAD_: '268435456',
  OMP_NUM_THREADS: String(threads),
  OPENBLAS_NUM_THREADS: String(threads),
})

/**
 * PyTorch as a peer: why it cannot run, or what it needs to run well. OpenBLAS takes a processor that is newer than
 * itself for a Prescott of 2004, with SSE3 only, and is then several times slower than it could be. It is told a better
 * one.
 */
export function findTorch() {
  const peer = { name: 'PyTorch', command: [python, `${here}pytorch.py`] }
  const env = { ...environmentOf(1), OPENBLAS_VERBOSE: '2' }
  const { status, stdout, stderr } = spawnSync(python, ['-c', 'import torch'], { env, encoding: 'utf8' })
  if (status !== 0) return { ...peer, missing: 'not installed' }
  if (!/Core: Prescott/.test(stdout + stderr)) return peer
  const has = (flag) => new RegExp(`^flags.*\\b${flag}\\b`, 'm').test(readFileSync('/proc/cpuinfo', 'utf8'))
  const core = ['avx512bw', 'avx512dq', 'avx512vl'].every(has) ? 'SkylakeX' : has('avx2') ? 'Haswell' : ''
  if (!core) return peer
  const remark = `its OpenBLAS does not know this processor and runs as for a ${core}, the nearest that it knows`
  return { ...peer, environment: { OPENBLAS_CORETYPE: core }, remark }
}

/**
 * One process: `hear` gets each line it says. A task that takes longer than `silence` ms is stopped. Resolves to
 * undefined when it is done, to why not when it crashed or hung.
 */
export function runChild({ command, options, dtype, threads = 1, environment }, { tasks, limits, silence }, hear) {
  return new Promise((resolve) => {
    const [program, ...args] = command
    const child = spawn(program, args, {
      cwd: here,
      env: { ...environmentOf(threads), ...environment },
      stdio: 'pipe',
    })
    // One that ended before it read says why itself.
    child.stdin.on('error', () => {}).end(JSON.stringify({ ...options, dtype, threads, tasks, limits }))
    let [rest, complaint, hung] = ['', '', false]
    const stop = () => {
      hung = true
      child.kill('SIGKILL')
    }
    let timer = setTimeout(stop, silence)
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()
      // Libraries print lines of their own.
      for (const line of lines.filter((l) => l.startsWith('{"'))) {
        clearTimeout(timer)
        timer = setTimeout(stop, silence)
        hear(JSON.parse(line))
      }
    })
    child.stderr.setEncoding('utf8').on('data', (text) => (complaint = (complaint + text).slice(-2000)))
    child.on('error', (error) => (complaint = error.message))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const said = complaint.split('\n').findLast((line) => /error/i.test(line)) ?? complaint.trim()
      if (hung) resolve(`stopped after ${silence / 1000} s`)
      else resolve(code === 0 ? undefined : said || `ended with ${signal ?? code}`)
    })
  })
}

/** Whether two peers, by their first losses, trained the same network. */
export const sameLosses = (losses, want) =>
  losses.every((loss, i) => Math.abs(loss - want[i]) < 1e-3 * Math.max(1e-3, want[i]))

/** 0 the least, 0.5 the median, 1 the largest of some numbers. */
export function quantile(list, share) {
  const sorted = list.toSorted((a, b) => a - b)
  const at = share * (sorted.length - 1)
  const below = sorted[Math.floor(at)]
  return below + (at % 1) * (sorted[Math.ceil(at)] - below)
}

/** Three digits that matter. */
export function format(x) {
  if (x >= 1000) return String(Math.round(x))
  return x.toFixed(x >= 100 ? 0 : x >= 10 ? 1 : x >= 1 ? 2 : 3)
}

/** Minutes and seconds. */
export function clock(milliseconds) {
  const seconds = Math.round(milliseconds / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** A message of a peer, in one line that a table holds. */
export function shorten(message, length) {
  // onnxruntime's own prefix says nothing
  const line = message
    .replace(/^Can't create a session\. ERROR_CODE: \d+, ERROR_MESSAGE: (Fatal error: )?/, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[`|]/g, "'")
    .trim()
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}

const row = (cells) => `| ${cells.join(' | ')} |`

/** Rows of cells as Markdown, all but the first column to the right. */
export const table = (head, rows) =>
  [row(head), row(head.map((_, i) => (i ? '---:' : '---'))), ...rows.map(row)].join('\n')

/** Markdown as prettier lays it out. */
export async function layOut(text) {
  const prettier = await import('prettier')
  return prettier.format(text, { parser: 'markdown' })
}

/** Replaces what stands between the markers of a program in bench/README.md. */
export function writeReadme(program, text) {
  const file = fileURLToPath(new URL('../README.md', import.meta.url))
  const readme = readFileSync(file, 'utf8')
  const [open, close] = [`<!-- ${program} -->`, `<!-- /${program} -->`]
  const [from, to] = [readme.indexOf(open), readme.indexOf(close)]
  if (from < 0 || to < from) throw new Error(`${file} has lost its markers ${open} and ${close}`)
  writeFileSync(file, `${readme.slice(0, from + open.length)}\n\n${text.trim()}\n\n${readme.slice(to)}`)
}
