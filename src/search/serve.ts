// Works trials off: one after the other with each thread, until the search is done.

import { type Desk, type Task, taskOf } from './desk'
import { type Runner, endOf, runTask } from './run-trial'
import type { Space } from './space'
import type { TrialJob } from './store'
import type { TrialWorker } from './workers'

/** Lends workers, and makes more where all are lent: a trial that waits keeps its own. */
export function createRunner(
  workers: readonly TrialWorker[],
  ended: Runner['ended'],
): Runner & { close(): Promise<unknown> } {
  const all = [...workers]
  const idle = [...workers]
  return {
    borrow() {
      const worker = idle.pop()
      if (worker) return worker
      const more = workers[0].another()
      all.push(more)
      return more
    },
    ended,
    give: (worker) => void idle.push(worker),
    close: () => Promise.all(all.map((worker) => worker.close())),
  }
}

/** Milliseconds that a queue hands nothing out until trials are taken by the log: they may have been lost by it. */
const PATIENCE = 500

/** Runs trials, one at a time, until all have ended or all is over. */
export async function serve<S extends Space>(desk: Desk<S>, runner: Runner, lease: number): Promise<void> {
  const { queue } = desk.store
  /** Since when the queue has handed out nothing. */
  let empty = performance.now()
  while (!desk.over) {
    const { version } = desk
    const job = await queue?.next(lease)
    if (job) empty = performance.now()
    const task = job
      ? await taskOfJob(desk, job)
      : !queue || performance.now() - empty > PATIENCE
        ? await desk.take()
        : undefined
    if (!task) {
      if (job) continue
      if (desk.isDone()) return
      await desk.change(version)
      continue
    }
    const renewing = job && setInterval(() => void job.renew(lease).catch(() => {}), lease / 4)
    try {
      await runTask(desk, runner, task, job)
    } finally {
      clearInterval(renewing)
    }
  }
}

/** The task of a job, claimed; undefined where there is nothing to do: the job has ended then. */
async function taskOfJob(desk: Desk, job: TrialJob): Promise<Task | undefined> {
  await desk.refresh()
  const { plan, ranking } = desk.record
  const task = taskOf(job.trial)
  // A queue may hold jobs of a search that was cleared.
  if (job.trial < plan.total && (await desk.claim(task))) return task
  const done = ranking.trials.find(({ index }) => index === job.trial)
  await job.end(done ? endOf(done) : { status: 'elsewhere', score: null })
  return undefined
}
