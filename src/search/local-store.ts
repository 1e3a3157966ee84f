// The store of a search that runs in one process: in memory, and with a file the trials that have ended in that file and
// checkpoints beside it.

import { dropCheckpoints, filesBeside } from './file-store'
import type { Journal } from './journal'
import type { Store } from './store'
import type { Line } from './trials'

/** Without a file no checkpoint is kept. */
const NOTHING: ReturnType<typeof filesBeside> = { async save() {}, load: async () => undefined, async drop() {} }

/** Of a search with a file, or without one. `first` is the first line of the log. */
export function localStore(first: string, file?: string, journal?: Journal<Line>): Store {
  // Each trial of the file at the number of its line.
  const lines = [first]
  for (const { number, line } of journal?.trials ?? []) {
    while (lines.length < number - 1) lines.push('')
    lines.push(JSON.stringify(line))
  }
  if (file !== undefined) {
    const ended = new Set(journal?.trials.map(({ line }) => line.index))
    dropCheckpoints(file, (trial) => ended.has(trial))
  }
  const keys = new Set<string>()
  const about = new Map<string, string>()
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
    ...(file === undefined ? NOTHING : filesBeside(file)),
    async clear() {},
    async close() {},
  }
}
