// Node, Deno and Bun: prints what models on several threads did here and in a worker, as JSON. Nothing is ended: the
// process must end by itself.
import { Worker } from 'node:worker_threads'
import { trainOnThreads } from './threads.mjs'

const results = { 'main thread': await trainOnThreads() }
results.worker = await new Promise((resolve, reject) => {
  new Worker(new URL('./threads-thread.mjs', import.meta.url)).on('message', resolve).on('error', reject)
})
console.log(JSON.stringify(results))
