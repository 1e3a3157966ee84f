// What a worker must have in common with the search that it works for: otherwise its trials would be others.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { ids, version } from '#host'
import type { Run } from './workers'
import type { Identity, Machine } from './store'

/** Of `run`, a function or the URL of a module that exports it. */
export function identityOf(run: Run | string): Identity {
  const hash = createHash('sha256')
  if (typeof run === 'function') hash.update(Function.prototype.toString.call(run))
  else if (run.startsWith('file:')) takeIn(hash, new URL(run), new Set())
  else hash.update(run)
  return { version, kernels: `${ids.float64} ${ids.float32}`, run: hash.digest('hex').slice(0, 16) }
}

/** A file and those of the user's own that it imports, by the text alone, in the order in which they are named. */
function takeIn(hash: ReturnType<typeof createHash>, url: URL, seen: Set<string>): void {
  if (seen.has(url.href)) return
  seen.add(url.href)
  let text: string
  try {
    text = readFileSync(url, 'utf8').replaceAll('\r\n', '\n')
  } catch {
    // Said by whoever imports it, in better words; or it stands in a comment.
    return
  }
  hash.update(`${text.length}:${text}`)
  for (const [, name] of text.matchAll(IMPORT)) takeIn(hash, new URL(name, url), seen)
}

const IMPORT = /\b(?:from|import|require)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g

/** This process, as others see it. */
export function machine(): Machine {
  const { Deno } = globalThis as { Deno?: { version: { deno: string } } }
  const { bun } = process.versions
  const name = Deno ? `Deno ${Deno.version.deno}` : bun ? `Bun ${bun}` : `Node ${process.versions.node}`
  return { host: hostname(), runtime: `${name}, ${process.platform} ${process.arch}`, pid: process.pid }
}
