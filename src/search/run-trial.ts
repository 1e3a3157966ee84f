// One trial from its beginning, or from where it was cut off, to its end.

import { viewBytes } from '../data/bytes'
import { PlanError, integer, show } from '../errors'
import { checksumOf } from '../io/checksum'
import { checkpointName, readCheckpoint, writeCheckpoint } from './checkpoints'
import { type Desk, type Task, taskOf } from './desk'
import { machine } from './identity'
import { MOST_DEATHS } from './record'
import type { Space, Trial } from './space'
import type { Ending, JobEnd, TrialJob } from './store'
import { LAG, type Watched, addReport, goesOn } from './stopping'
import { reasonOf, textOf } from './texts'
import type { Line, TrialResult } from './trials'
import type { Report, TrialCheckpoint, TrialWorker } from './workers'

/** What serves trials here. */
export interface Runner {
  /** One that runs nothing now: where a trial waits for another that nobody runs, both are in work at once. */
  borrow(): TrialWorker
  give(worker: TrialWorker): void
  /** Is told of each trial that has ended here, and waited for. */
  ended(line: Line): unknown
}

/** Runs a task that was claimed, and puts down how it ended; nothing where all is over meanwhile. */
export async function runTask<S extends Space>(
  desk: Desk<S>,
  runner: Runner,
  task: Task,
  job?: TrialJob,
): Promise<Line | undefined> {
  const worker = runner.borrow()
  try {
    await worker.open().catch((error: Error) => {
      if (!desk.over) throw error
    })
    const line = desk.over ? undefined : await runTrial(desk, runner, worker, task, job)
    if (!line) return undefined
    desk.leave(task)
    if (job) await job.end(endOf(line))
    else if (!task.again) await desk.store.queue?.settle(task.index, endOf(line))
    await runner.ended(line)
    return line
  } finally {
    runner.give(worker)
  }
}

async function runTrial<S extends Space>(
  desk: Desk<S>,
  runner: Runner,
  worker: TrialWorker,
  task: Task,
  job?: TrialJob,
): Promise<Line | undefined> {
  const { index, name, again } = task
  const { store } = desk
  const shared = desk.worker !== undefined
  const { goal, stopping } = desk.record.plan
  const sign = goal === 'low' ? 1 : -1
  // Files and threads know nothing of the space.
  const trial = desk.record.trial(index) as unknown as Trial
  const own: Watched = { epochs: [], best: [], over: false }
  // What nobody had before has no checkpoint; what runs once more begins at the beginning: that is what it shows.
  const isNew = again || (shared && desk.attemptOf(task) === 0)
  const cutOff = isNew ? undefined : await readCheckpoint(store, trial)
  if (desk.over) return undefined
  const curve: (readonly [number, number])[] = [...(cutOff?.curve ?? [])]
  for (const [epoch, score] of curve) addReport(own, epoch, sign * score)
  let status: TrialResult['status'] = cutOff?.status ?? 'done'

  /** One after the other, so that others read them in order; nobody here waits for that. */
  let telling: Promise<unknown> = Promise.resolve()
  const tellOthers = (epoch: number, score: number) => {
    const entry = { type: 'report', trial: index, epoch, score } as const
    telling = telling.then(() => desk.add(entry))
    // Said when the trial ends.
    telling.catch(() => {})
    return shared ? undefined : telling
  }
  // What whoever had it before may not have said any more.
  if (stopping) for (const [epoch, score] of curve) void tellOthers(epoch, score)
  const judge = async (epoch: number, score: number): Promise<boolean> => {
    if (own.over || desk.over) return false
    const last = curve.at(-1)?.[0] ?? -1
    integer(`report of trial ${index}`, 'epoch, which grows from call to call,', epoch, last + 1)
    if (typeof score !== 'number') {
      throw new PlanError(`report of trial ${index}: the score must be a number, got ${show(score)}`)
    }
    if (!Number.isFinite(score)) {
      status = 'diverged'
      return false
    }
    curve.push([epoch, score])
    addReport(own, epoch, sign * score)
    void job?.progress(epoch, score)
    if (stopping) {
      if (!again) await tellOthers(epoch, score)
      if (status === 'done') {
        await waitForOthers(desk, runner, index, epoch).catch((error: unknown) => {
          broken ??= { error }
          throw error
        })
        const others = desk.record.reports.slice(0, Math.max(index - LAG + 1, 0))
        if (!goesOn(own, others, stopping)) status = 'stopped'
      }
    }
    return status === 'done' && !desk.over
  }
  /** What was wrong beyond this trial, which must not be put down as its failure. */
  let broken: { readonly error: unknown } | undefined
  /** What was wrong with a report; run may not wait for the answer. */
  let refused: unknown
  const report: Report = (epoch, score) => {
    const answer = judge(epoch, score)
    answer.catch((error: unknown) => (refused ??= error))
    return answer
  }
  let writing: Promise<void> | undefined
  let hasSaved = !isNew
  const checkpoint: TrialCheckpoint = {
    resume: cutOff?.bytes,
    save: async (bytes) => {
      const view = viewBytes('save', bytes)
      // What runs in this thread cannot be ended: from here on it is nobody's business.
      if (own.over || desk.over || again) return
      hasSaved = true
      await (writing = writeCheckpoint(store, trial, { curve, status, bytes: view }))
    },
  }
  const begun = performance.now()
  let score: unknown = NaN
  let error: string | undefined
  try {
    // The last of them is known by the claim of this worker, which it may not have read yet.
    if (desk.attemptOf(task) >= MOST_DEATHS) await desk.refresh()
    if (desk.record.deathsOf(name) >= MOST_DEATHS) {
      throw new Error(`${MOST_DEATHS} workers have died while they ran it`)
    }
    score = await desk.unlessOver(worker.run(trial, report, checkpoint))
    if (desk.over) return undefined
    if (refused) throw refused
    if (typeof score !== 'number') throw new Error(`run must give the score, a number, got ${show(score)}`)
    if (!Number.isFinite(score)) status = 'diverged'
  } catch (cause) {
    status = 'failed'
    error = reasonOf(cause)
  } finally {
    own.over = true
  }
  if (desk.over) return undefined
  if (broken) throw broken.error
  const ended = status === 'done' || status === 'stopped' ? (score as number) : null
  const seconds = Math.round(performance.now() - begun) / 1000
  const line: Line = { ...trial, status, score: ended, curve, seconds, ...(error !== undefined && { error }) }
  await telling
  await putDown(desk, line, again)
  await writing?.catch(() => {})
  if (hasSaved && !again) await store.drop(checkpointName(trial))
  return line
}

/** Waits until a trial can be compared after an epoch. What it waits for and nobody runs is run here, beside it. */
async function waitForOthers(desk: Desk, runner: Runner, index: number, epoch: number): Promise<void> {
  for (;;) {
    const missing = desk.over ? undefined : desk.record.missing(index, epoch)
    if (missing === undefined) return
    const task = taskOf(missing)
    if (desk.worker !== undefined && (await desk.claim(task))) await runTask(desk, runner, task)
    else await desk.change()
  }
}

/** How a trial ended, for those who look at its job. */
export function endOf({ status, score, error }: Pick<Line, 'status' | 'score' | 'error'>): JobEnd {
  return { status, score: Number.isFinite(score) ? score : null, ...(error !== undefined && { error }) }
}

/** Puts down how a trial ended; where it has ended before, that it has again. */
async function putDown(desk: Desk, line: Line, again: boolean): Promise<void> {
  const { worker } = desk
  if (worker === undefined) {
    await desk.add(line)
    return
  }
  const { index, status, score } = line
  const ending: Ending = { hash: hashOf(line), status, score, by: worker, machine: machine() }
  if (!again && (await desk.add({ ...line, ending }))) return
  // An answer may have been lost, and what was added be our own.
  if (desk.record.endingOf(index)?.by === worker) return
  await desk.add({ type: 'again', trial: index, ending })
}

/** What is the same wherever and however often a trial runs. */
function hashOf({ index, seed, parameters, status, score, curve }: Line): string {
  return checksumOf(new TextEncoder().encode(textOf({ index, seed, parameters, status, score, curve })))
}
