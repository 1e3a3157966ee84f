// What is computed again and again for a view, while somebody watches it.

import { type Run, nextFrame } from './run'
import { current, trouble } from './store'

interface Watching {
  /** Whether somebody watches who wants it of this run. */
  isWanted(run: Run): boolean
  /** Another wherever it would come out differently, beside the run and its weights. */
  key?(): string
  compute(run: Run): Promise<void>
  /** Milliseconds until it may be due again. */
  pause(): number
}

/** Computes it whenever it would come out differently and is wanted, until what it returns is called. */
export function keepComputing({ isWanted, key = () => '', compute, pause }: Watching): () => void {
  let ended = false
  let last = ''
  const loop = async () => {
    while (!ended) {
      const run = current.value
      const now = `${run?.id} ${run?.version.value} ${key()}`
      if (run?.model && isWanted(run) && !document.hidden && now !== last) {
        last = now
        await compute(run).catch((error: unknown) => complain(run, error))
      }
      await nextFrame()
      await new Promise((resolve) => setTimeout(resolve, pause()))
    }
  }
  void loop()
  return () => {
    ended = true
  }
}

/** Says what a view cannot show, unless the run says so itself, or is no longer there. */
export function complain(run: Run, error: unknown): void {
  const { value } = run.status
  if (current.value !== run || value === 'failed' || value === 'diverged') return
  trouble.value = error instanceof Error ? error.message : String(error)
}
