// What the network answers for every example that it never trains on.

import { signal } from '@preact/signals'
import type { Run } from './run'
import { current, tab } from './store'
import { keepComputing } from './watching'

export interface Answer {
  /** Number of the example. */
  readonly index: number
  readonly label: number
  readonly answer: number
  /** How sure it is of its answer, and of the right one. */
  readonly sure: number
  readonly right: number
}

export interface Exam {
  readonly run: Run
  readonly step: number
  readonly answers: readonly Answer[]
  /** Rows are labels, columns are answers. */
  readonly confusion: readonly (readonly number[])[]
}

export const exam = signal<Exam | undefined>(undefined)

async function examine(run: Run): Promise<void> {
  if (!run.model) return
  const { step, data } = run
  const { x, y } = data.test
  const classes = data.classes.length
  const { data: scores } = await run.model
    .predict(run.batches.scaled(x), { probabilities: true, transfer: true })
    .catch(
      // A hinge loss has scores, and no probabilities.
      () => run.model!.predict(run.batches.scaled(x), { transfer: true }),
    )
  if (current.value !== run) return
  const confusion = Array.from({ length: classes }, () => Array<number>(classes).fill(0))
  const answers = Array.from(y, (label, index) => {
    const row = scores.subarray(index * classes, (index + 1) * classes)
    let answer = 0
    for (let i = 1; i < classes; i++) if (row[i] > row[answer]) answer = i
    confusion[label][answer]++
    return { index, label, answer, sure: row[answer], right: row[label] }
  })
  exam.value = { run, step, answers, confusion }
}

/** Examines again and again, as long as somebody watches. */
export const keepExamining = () =>
  keepComputing({ isWanted: () => tab.value === 'mistakes', compute: examine, pause: () => 900 })
