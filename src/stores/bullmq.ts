// A search whose trials are jobs of a queue of BullMQ; its log is in the same Redis.

import { PlanError, checkArguments } from '../errors'
import type { Trial } from '../search/space'
import type { JobEnd, Store, TrialJob, TrialQueue } from '../search/store'
import { withoutPasswords } from '../search/texts'
import { type StoreOptions, nameOf } from './databases'
import { connect, patiently, storeOn } from './redis'

/** What is used of BullMQ. */
interface Job {
  readonly data: { readonly trial: number }
  updateProgress(progress: object): Promise<void>
  extendLock(token: string, milliseconds: number): Promise<unknown>
  moveToCompleted(value: unknown, token: string, fetchNext: false): Promise<unknown>
  moveToFailed(error: Error, token: string, fetchNext: false): Promise<unknown>
  getState(): Promise<string>
  remove(): Promise<void>
}

/** So often a job may be found without its worker: with every death of one; which trials have ended stands in the log. */
const MOST_STALLS = 1_000_000
/** Jobs that are added by one call. */
const BATCH = 1000

/**
 * The store of a search in Redis whose trials are jobs of the BullMQ queue `v128-NAME`: people see them, their progress
 * (epoch and score) and their results in the tools that they have for it, such as Bull Board, and `work` takes them from
 * there. Wants the packages `bullmq`, version 5 or newer, and `ioredis`.
 *
 *     const store = await bullmqStore('redis://queue.example:6379', { name: 'mnist' })
 *     await search({ space, trials: 1000, store, worker: new URL('trial.js', import.meta.url) })
 *
 * All else is that of `redisStore`. Throws a FileError where Redis cannot be reached at the start or wants a password.
 */
export async function bullmqStore(address: string, options: StoreOptions = {}): Promise<Store> {
  const where = 'bullmqStore'
  checkArguments(where, arguments, 2)
  const name = nameOf(where, options)
  const client = await connect(where, address)
  const { Queue, Worker } = await import('bullmq').catch((cause: unknown) => {
    throw new PlanError(`${where}: wants the package bullmq: npm install bullmq`, { cause })
  })
  const label = `${withoutPasswords(address)} ${name}`
  const store = storeOn(client, label, name, where)
  const title = `v128-${name}`
  // BullMQ waits for Redis itself where that starts anew.
  const connection = { url: address, maxRetriesPerRequest: null } as object
  const jobs = new Queue<{ trial: number; parameters: object }>(title, { connection })
  jobs.on('error', () => {})
  /** Trials that were offered before. */
  const offered = new Set<number>()
  let worker: InstanceType<typeof Worker> | undefined

  const queue: TrialQueue = {
    async offer(trials) {
      const fresh: Trial[] = []
      for (const trial of trials) {
        if (offered.has(trial.index)) {
          const job = (await jobs.getJob(`trial-${trial.index}`)) as Job | undefined
          const state = await job?.getState()
          if (state === 'completed' || state === 'failed') await job!.remove()
          else if (job) continue
        }
        offered.add(trial.index)
        fresh.push(trial)
      }
      for (let i = 0; i < fresh.length; i += BATCH) {
        const batch = fresh.slice(i, i + BATCH).map(({ index, parameters }) => ({
          name: `trial ${index}`,
          data: { trial: index, parameters },
          opts: { jobId: `trial-${index}` },
        }))
        await patiently(where, label, () => jobs.addBulk(batch))
      }
    },
    async next(lease) {
      if (!worker) {
        worker = new Worker(title, undefined, {
          connection,
          autorun: false,
          lockDuration: lease,
          stalledInterval: lease / 2,
          maxStalledCount: MOST_STALLS,
        })
        worker.on('error', () => {})
        await worker.startStalledCheckTimer()
      }
      const token = crypto.randomUUID()
      const taker = worker
      const job = await patiently<Job | undefined>(where, label, () => taker.getNextJob(token, { block: false }))
      return job && jobOf(job, token)
    },
    // Who died has left its job locked: once that has run out, BullMQ hands it out again, and it ends at once.
    async settle() {},
  }
  return {
    ...store,
    queue,
    async clear() {
      offered.clear()
      await jobs.obliterate({ force: true })
      await store.clear()
    },
    async close() {
      await worker?.close(true)
      await jobs.close()
      await store.close()
    },
  }
}

/** Milliseconds between two looks at a job that somebody may take: each is an event for all who watch the queue. */
const PROGRESS = 500

function jobOf(job: Job, token: string): TrialJob {
  let said = performance.now()
  return {
    trial: job.data.trial,
    async progress(epoch, score) {
      if (performance.now() - said < PROGRESS) return
      said = performance.now()
      await job.updateProgress({ epoch, score }).catch(() => {})
    },
    renew: async (lease) => void (await job.extendLock(token, lease)),
    async end({ status, score, error }: JobEnd) {
      // Where it was thrown nobody knows any more: a stack would be of this place here.
      const ended =
        error === undefined
          ? job.moveToCompleted({ status, score }, token, false)
          : job.moveToFailed(Object.assign(new Error(error), { stack: error }), token, false)
      // Where it was handed out again meanwhile it ends there: the result is in the log.
      await ended.catch(() => {})
    },
  }
}
