// Workers of the host, for shares of calls: those of Node, which Deno and Bun have as well, or those of pages.

import { Word } from './shares'
import type { Answer, Message } from './thread'

/** thread.ts, as build.mjs puts it into this file. */
declare const THREAD: string

/** A worker of Node's kind, or of browsers'. */
export interface Worker {
  postMessage(message: Message): void
  terminate(): unknown
  /** Whether it holds the process alive: Node's alone can say. */
  ref?(): void
  unref?(): void
}

/**
 * Whether the host has Node's modules. Pages may have a global `process` that a bundler put there, and those of Electron
 * have Node's own, but workers as pages do.
 */
const inNode =
  typeof process === 'object' &&
  Object.prototype.toString.call(process) === '[object process]' &&
  !/^(renderer|worker)$/.test((process as { type?: string }).type ?? '')

/**
 * A module of Node's: from `process` where it can be had there, since not all that runs programs for Node lets them import
 * (node:vm, Jest). Its name is not there as a whole: bundlers for pages would look for it.
 */
const ofNode = async (name: string): Promise<any> =>
  process.getBuiltinModule?.(name) ?? import(/* webpackIgnore: true */ /* @vite-ignore */ `node:${name}`)

/** How many cores the host has, as far as it says. */
export async function coresOf(): Promise<number> {
  return inNode ? (await ofNode('os')).availableParallelism() : (globalThis.navigator?.hardwareConcurrency ?? 1)
}

/** Why there can be no threads here, and what would help; undefined where there can. */
export function obstacle(): string | undefined {
  if (!inNode && typeof globalThis.Worker !== 'function') return 'this host has no workers'
  if (typeof SharedArrayBuffer === 'function') return undefined
  if (inNode) return 'this host has no SharedArrayBuffer'
  return globalThis.crossOriginIsolated
    ? 'this browser has no SharedArrayBuffer, though the page is cross-origin isolated (WebKitGTK has it with ' +
        'JSC_useSharedArrayBuffer=1 in its environment)'
    : 'this page is not cross-origin isolated; serve it with the headers Cross-Origin-Opener-Policy: same-origin and ' +
        'Cross-Origin-Embedder-Policy: require-corp'
}

/** A worker that runs thread.ts; `end` is called when it ends, or where it does not load. */
export async function startWorker(listen: (answer: Answer) => void, end: (why: string) => void): Promise<Worker> {
  if (inNode) {
    const { Worker } = await ofNode('worker_threads')
    const code = `import { parentPort as port } from 'node:worker_threads'\n${THREAD}`
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), {
      // What the process was started with is not for this.
      argv: [],
      execArgv: [],
      env: {},
      stdin: false,
    })
    worker.on('message', listen)
    worker.on('error', (error: unknown) => end(String(error)))
    worker.on('exit', () => end('it ended'))
    return worker as Worker
  }
  const url = URL.createObjectURL(new Blob([`const port = self\n${THREAD}`], { type: 'text/javascript' }))
  const forbidden = "it did not load; allow blob: in worker-src of the page's content security policy"
  try {
    const worker = new globalThis.Worker(url, { name: 'v128' })
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      // It was read: before, the worker needs it.
      URL.revokeObjectURL(url)
      listen(data)
    }
    worker.onerror = ({ message }) => {
      URL.revokeObjectURL(url)
      end(message || forbidden)
    }
    return worker as Worker
  } catch (error) {
    URL.revokeObjectURL(url)
    // WebKit's way to say that the policy forbids it.
    throw (error as Error).name === 'SecurityError' ? new Error(forbidden, { cause: error }) : error
  }
}

/** Whether this thread may sleep on shared memory. */
export function mayWait(words: Int32Array): boolean {
  try {
    Atomics.wait(words, Word.Done, -1, 0)
    return true
  } catch {
    return false
  }
}
