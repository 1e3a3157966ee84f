// Node, Deno and Bun: prints what models on several threads did here and in a worker, and the scores of trials of a search
// in workers, as JSON. Nothing is ended: the process must end by itself.
import { Worker } from 'node:worker_threads'
import { choice, search } from 'v128/node'
import { trainOnThreads } from './threads.mjs'

const places = { 'main thread': await trainOnThreads() }
places.worker = await new Promise((resolve, reject) => {
  new Worker(new URL('./threads-thread.mjs', import.meta.url)).on('message', resolve).on('error', reject)
})
const worker = new URL('./threads-trial.mjs', import.meta.url)
const { trials } = await search({ space: { rate: choice([0.1, 0.2]) }, worker, workers: 2, trials: 2 })
console.log(JSON.stringify({ places, scores: trials.map(({ score }) => score) }))
