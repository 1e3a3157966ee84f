// Workers of node:worker_threads: of Node, Deno and Bun.

import { Worker } from 'node:worker_threads'
import type { WorkerHost } from './host'

export const host: WorkerHost = {
  script: 'v128-worker.node.js',
  start: () => new Worker(new URL('./v128-worker.node.js', import.meta.url)),
}
