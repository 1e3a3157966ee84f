// Where trials run: a lane runs one at a time, in this thread or in a worker thread of its own.

import { Worker } from 'node:worker_threads'
import { PlanError } from '../errors'
import type { Space, Trial } from './space'

/**
 * Tells the search how good a trial is after `epoch` (0, 1, ...); gives whether the trial is to go on. A score that is
 * no finite number ends it. Handed to fit as it is, it ends a hopeless run:
 *
 *     await model.fit(data, { epochs: 20, validation, onEpoch: (e) => report(e.epoch, e.validationLoss ?? NaN) })
 */
export type Report = (epoch: number, score: number) => Promise<boolean>

/** Trains and scores a model with the hyperparameters of a trial. What it throws is the end of that trial alone. */
export type Run<S extends Space = Space> = (trial: Trial<S>, report: Report) => number | Promise<number>

/** Runs one trial at a time. */
export interface Lane {
  /** Makes ready for a trial. Throws a PlanError where there is none to run. */
  open(): Promise<void>
  /** The score of a trial. */
  run(trial: Trial, report: Report): Promise<number>
  /** Ends what runs. */
  close(): Promise<unknown>
}

/** A lane in this thread. What runs cannot be ended from outside: report tells it to. */
export function ownLane(run: Run): Lane {
  return { open: async () => {}, run: async (trial, report) => run(trial, report), close: async () => {} }
}

/** What runs in a worker thread: imports the module and waits for trials. A message is [its kind, what it is about]. */
const BOOTSTRAP = `
const { parentPort, workerData } = require('node:worker_threads')
const waiting = []
const report = (epoch, score) =>
  new Promise((resolve, reject) => {
    waiting.push({ resolve, reject })
    parentPort.postMessage(['report', { epoch, score }])
  })
const explain = (error) => String(error?.message ?? error)
import(workerData).then((module) => {
  const run = module.run ?? module.default
  if (typeof run !== 'function') throw new Error('it exports no function run(trial, report)')
  parentPort.on('message', async ([kind, value]) => {
    if (kind === 'go') waiting.shift().resolve(value)
    else if (kind === 'refuse') waiting.shift().reject(new Error(value))
    else {
      try {
        parentPort.postMessage(['score', await run(value, report)])
      } catch (error) {
        parentPort.postMessage(['failed', explain(error)])
      }
    }
  })
  parentPort.postMessage(['ready'])
}).catch((error) => parentPort.postMessage(['unusable', explain(error)]))
`

/**
 * A lane in a worker thread, which imports `module` and calls its `run`. A thread that ends in the middle of a trial, by
 * a crash or for want of memory, fails that trial; the next gets a new one. Throws a PlanError if the module cannot be
 * used.
 */
export function workerLane(module: string): Lane {
  let worker: Worker | undefined

  return {
    open: () =>
      new Promise((resolve, reject) => {
        if (worker) return resolve()
        const own = new Worker(BOOTSTRAP, { eval: true, workerData: module })
        worker = own
        const end = (why: string) => {
          if (worker === own) worker = undefined
          reject(new PlanError(`search: worker ${module}: ${why}`))
        }
        // For as long as the thread lives: it may also end between two trials.
        own.on('error', (error) => end(error.message))
        own.on('exit', (code) => end(`its thread ended at once, with code ${code}`))
        own.once('message', ([kind, why]: [string, string]) => {
          if (kind === 'ready') resolve()
          else end(why)
        })
      }),
    run: (trial, report) =>
      new Promise((resolve, reject) => {
        const own = worker!
        const crash = (error: Error) => reject(new Error(`its worker thread crashed: ${error.message}`))
        const exit = (code: number) => reject(new Error(`its worker thread ended with code ${code}`))
        const hear = ([kind, value]: ['report', { epoch: number; score: number }] | ['score' | 'failed', unknown]) => {
          if (kind === 'report') {
            report(value.epoch, value.score).then(
              (go) => own.postMessage(['go', go]),
              (error: Error) => own.postMessage(['refuse', error.message]),
            )
            return
          }
          own.off('message', hear).off('error', crash).off('exit', exit)
          if (kind === 'score') resolve(value as number)
          else reject(new Error(value as string))
        }
        own.on('message', hear).once('error', crash).once('exit', exit)
        own.postMessage(['trial', trial])
      }),
    close: async () => worker?.terminate(),
  }
}
