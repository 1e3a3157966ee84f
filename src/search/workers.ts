// Where trials run, one at a time: in this thread, or in a worker thread.

import { Worker } from 'node:worker_threads'
import { PlanError } from '../errors'
import { createPauses } from '../pause'
import { REASON, clip, reasonOf } from './texts'
import type { Space, Trial } from './space'

/**
 * Tells the search how good a trial is after `epoch` (0, 1, ...); gives whether the trial is to go on. A score that is
 * no finite number ends it. Handed to fit as it is, it ends a hopeless run:
 *
 *     await model.fit(data, { epochs: 20, validation, onEpoch: (e) => report(e.epoch, e.validationLoss ?? NaN) })
 */
export type Report = (epoch: number, score: number) => Promise<boolean>

/**
 * Where a trial was cut off, and what keeps where it is; for fit:
 *
 *     await model.fit(data, { epochs: 20, resume, checkpoint: { every: { seconds: 10 }, save } })
 */
export interface TrialCheckpoint {
  /** What `save` got last, when the search was ended in the middle of this trial; undefined where the trial begins. */
  readonly resume: Uint8Array<ArrayBuffer> | undefined
  /** Keeps a checkpoint, with the reports before it, beside the file of the search; without a file it does nothing. */
  readonly save: (bytes: Uint8Array) => Promise<void>
}

/** Trains and scores a model with the hyperparameters of a trial. What it throws is the end of that trial alone. */
export type Run<S extends Space = Space> = (
  trial: Trial<S>,
  report: Report,
  checkpoint: TrialCheckpoint,
) => number | Promise<number>

/** Runs one trial at a time. */
export interface TrialWorker {
  /** Makes ready for a trial. Throws a PlanError where there is none to run. */
  open(): Promise<void>
  /** What a trial gives for a score. */
  run(trial: Trial, report: Report, checkpoint: TrialCheckpoint): Promise<unknown>
  /** Ends what runs. */
  close(): Promise<unknown>
  /** One more of the kind, for a trial beside this one. */
  another(): TrialWorker
}

/** Runs trials in this thread. What runs cannot be ended from outside: report tells it to. */
export function ownThread(run: Run): TrialWorker {
  // Trials that wait for nothing would let no signal through.
  const pauses = createPauses(8)
  return {
    async open() {
      if (pauses.due()) await pauses.take()
    },
    // A copy, as a worker thread gets: what happens to it is nobody else's business.
    run: async (trial, report, checkpoint) => run(structuredClone(trial), report, checkpoint),
    close: async () => pauses.close(),
    another: () => ownThread(run),
  }
}

/**
 * What runs in a worker thread: imports the module and waits for trials. A message is [mark, its kind, what it is
 * about]; the module itself may send and get others.
 */
const BOOTSTRAP = `
const { parentPort, workerData: { file, mark } } = require('node:worker_threads')
const waiting = []
const post = (kind, value) => parentPort.postMessage([mark, kind, value])
const ask = (kind, value) =>
  new Promise((resolve, reject) => {
    post(kind, { id: waiting.push({ resolve, reject }) - 1, ...value })
  })
const report = (epoch, score) => ask('report', { epoch, score })
const save = (bytes) => ask('save', { bytes })
const explain = (error) => {
  try {
    return String(error?.message ?? error).slice(0, ${REASON + 1})
  } catch {
    return 'it threw what has no text'
  }
}
import(file).then((module) => {
  const run = module.run ?? module.default
  if (typeof run !== 'function') throw new Error('it exports no function run(trial, report, checkpoint)')
  parentPort.on('message', async (message) => {
    if (!Array.isArray(message) || message[0] !== mark) return
    const [, kind, value] = message
    if (kind === 'answer') waiting[value.id].resolve(value.go)
    else if (kind === 'refuse') waiting[value.id].reject(new Error(value.why))
    else {
      waiting.length = 0
      try {
        post('score', await run(value.trial, report, { resume: value.resume, save }))
      } catch (error) {
        post('failed', explain(error))
      }
    }
  })
  post('ready')
}).catch((error) => post('unusable', explain(error)))
`

/**
 * Runs trials in a worker thread, which imports `module` and calls its `run`. A thread that ends in the middle of a
 * trial, by a crash or for want of memory, fails that trial; the next gets a new one. Throws a PlanError if the module
 * cannot be used.
 */
export function workerThread(where: string, module: string): TrialWorker {
  // What tells our messages from those of the module.
  const mark = `v128 ${Math.random()}`
  const ours = (message: unknown): message is [string, string, unknown] => Array.isArray(message) && message[0] === mark
  let worker: Worker | undefined

  return {
    open: () =>
      new Promise((resolve, reject) => {
        if (worker) return resolve()
        const own = new Worker(BOOTSTRAP, { eval: true, workerData: { file: module, mark } })
        worker = own
        const end = (why: string) => {
          if (worker === own) worker = undefined
          reject(new PlanError(`${where}: worker ${clip(module)}: ${why}`))
        }
        // For as long as the thread lives: it may also end between two trials.
        own.on('error', (error) => end(reasonOf(error)))
        own.on('exit', (code) => end(`its thread ended at once, with code ${code}`))
        const hear = (message: unknown) => {
          if (!ours(message)) return
          own.off('message', hear)
          const [, kind, why] = message
          if (kind === 'ready') resolve()
          else end(reasonOf(why))
        }
        own.on('message', hear)
      }),
    run: (trial, report, { resume, save }) =>
      new Promise((resolve, reject) => {
        if (!worker) return reject(new Error('its worker thread has ended'))
        const own = worker
        const crash = (error: unknown) => reject(new Error(`its worker thread crashed: ${reasonOf(error)}`))
        const exit = (code: number) => reject(new Error(`its worker thread ended with code ${code}`))
        const hear = (message: unknown) => {
          if (!ours(message)) return
          const [, kind, value] = message
          if (kind === 'report' || kind === 'save') {
            const { id, epoch, score, bytes } = value as { id: number; epoch: number; score: number; bytes: Uint8Array }
            const answer: Promise<unknown> = kind === 'report' ? report(epoch, score) : save(bytes)
            answer.then(
              (go) => own.postMessage([mark, 'answer', { id, go }]),
              (error: unknown) => own.postMessage([mark, 'refuse', { id, why: reasonOf(error) }]),
            )
            return
          }
          own.off('message', hear).off('error', crash).off('exit', exit)
          if (kind === 'score') resolve(value)
          else reject(new Error(reasonOf(value)))
        }
        own.on('message', hear).once('error', crash).once('exit', exit)
        own.postMessage([mark, 'trial', { trial, resume }])
      }),
    close: async () => worker?.terminate(),
    another: () => workerThread(where, module),
  }
}
