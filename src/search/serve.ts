// Works trials off: one after the other with each thread, until the search is done.

import type { Desk, Task } from './desk'
import { taskOf } from './desk'
import { type Runner, runTask } from './run-trial'
import type { Space } from './space'
import type { TrialJob } from './store'
import type { Line } from './trials'
import type { TrialWorker } from './workers'

/** Lends workers, and makes more where all are lent: a trial that waits keeps its own. */
export function createRunner(
  workers: readonly TrialWorker[],
  make: () => TrialWorker,
): Runner & {
  close(): Promise<unknown>
} {
  const all = [...workers]
  const idle = [...workers]
  return {
    borrow() {
      const worker = idle.pop()
      if (worker) return worker
      const more = make()
      all.push(more)
      return more
    },
    give: (worker) => void idle.push(worker),
    close: () => Promise.all(all.map((worker) => worker.close())),
  }
}

/** Runs trials, one at a time, until all have ended or all is over. `ended` is told of each, and waited for. */
export async function serve<S extends Space>(
  desk: Desk<S>,
  runner: Runner,
  lease: number | undefined,
  ended: (line: Line) => Promise<unknown>,
): Promise<void> {
  const { queue } = desk.store
  /** Since when the queue has handed out nothing: then what it has lost is taken by the log. */
  let empty = performance.now()
  while (!desk.over) {
    const { version } = desk
    const job = await queue?.next(lease!)
    if (job) empty = performance.now()
    const task = job
      ? await taskOfJob(desk, job)
      : !queue || performance.now() - empty > lease! / 4
        ? await desk.take()
        : undefined
    if (!task) {
      if (job) continue
      if (desk.isDone()) return
      await desk.change(version)
      continue
    }
    const renewing = job && setInterval(() => void job.renew(lease!).catch(() => {}), lease! / 4)
    try {
      const line = await runTask(desk, runner, task, job)
      if (!line) return
      await job?.end(endOf(line))
      await ended(line)
    } finally {
      clearInterval(renewing)
    }
  }
}

/** The task of a job, claimed; undefined where there is nothing to do: the job has ended then. */
async function taskOfJob(desk: Desk, job: TrialJob): Promise<Task | undefined> {
  await desk.refresh()
  if (job.trial >= desk.record.plan.total) {
    await job.end({ reason: 'this search has no such trial' })
    return undefined
  }
  const task = taskOf(job.trial)
  if (await desk.claim(task)) return task
  const done = desk.record.ranking.trials.find(({ index }) => index === job.trial)
  await job.end(done ? endOf(done) : { reason: 'another worker runs it' })
  return undefined
}

function endOf({ status, score, error }: { status: string; score: number | null; error?: string }) {
  return error === undefined ? { status, score } : { reason: error }
}
