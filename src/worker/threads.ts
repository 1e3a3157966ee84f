// Workers of node:worker_threads: of Node, Deno and Bun.

import { Worker } from 'node:worker_threads'
import type { WorkerHost } from './host'

export const host: WorkerHost = {
  script: 'v128-worker.node.js',
  advice:
    'a bundle must have v128-worker.node.js beside it: esbuild makes it of the entry point ' +
    'v128-worker.node=v128/worker/script; or hand in worker: () => new ' +
    "Worker(new URL(import.meta.resolve('v128/worker/script')))",
  needs: '',
  start: () => new Worker(new URL('./v128-worker.node.js', import.meta.url)),
}
