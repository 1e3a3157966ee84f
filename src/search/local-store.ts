// The store of a search that runs in one process: in memory, and with a file the trials that have ended in that file and
// checkpoints beside it.

import * as fs from 'node:fs'
// Not by v128/files, which finds out where files are: here there is a disk.
import { host } from '../io/disk'
import type { Journal } from './journal'
import type { Store } from './store'
import type { Line } from './trials'

/** Of a search with a file, or without one. `first` is the first line of the log. */
export function localStore(first: string, file?: string, journal?: Journal<Line>): Store {
  // Each trial of the file at the number of its line.
  const lines = [first]
  for (const { number, line } of journal?.trials ?? []) {
    while (lines.length < number - 1) lines.push('')
    lines.push(JSON.stringify(line))
  }
  const keys = new Set<string>()
  const about = new Map<string, string>()
  const pathOf = (name: string) => `${file}.${name}`
  return {
    name: file ?? 'here',
    async add(key, line) {
      if (keys.has(key)) return false
      keys.add(key)
      lines.push(line)
      if (journal && key.startsWith('result ')) journal.add(line)
      return true
    },
    read: async (from) => lines.slice(from),
    async beat(worker, what, lease) {
      if (lease) about.set(worker, what)
      else about.delete(worker)
    },
    beats: async () => Array.from(about, ([worker, about]) => ({ worker, about, left: Infinity })),
    async save(name, bytes) {
      if (file !== undefined) await host.at('search', pathOf(name)).save(bytes)
    },
    async load(name) {
      if (file === undefined || !fs.existsSync(pathOf(name))) return undefined
      return host.at('search', pathOf(name)).load()
    },
    async drop(name) {
      if (file !== undefined) fs.rmSync(pathOf(name), { force: true })
    },
    async clear() {},
    async close() {},
  }
}
