// How many threads compute a model.

import { threads as host } from '#host'
import { PlanError, note, show } from '../errors'
import { callsOf } from '../plan/program'
import type { Blueprint } from './options'

/** More than any machine has cores that could gain by it. */
const MOST_THREADS = 64

/** The option of createModel. Throws a PlanError unless it is a number of threads, or 'auto'. */
export function checkThreads(where: string, threads: unknown): number | 'auto' {
  if (
    threads === 'auto' ||
    (Number.isInteger(threads) && (threads as number) > 0 && (threads as number) <= MOST_THREADS)
  ) {
    return threads as number | 'auto'
  }
  throw new PlanError(`${where}: threads must be 'auto' or an integer from 1 to ${MOST_THREADS}, got ${show(threads)}`)
}

/** How many threads the model gets; the console says why, where it is told of more but there can be one. */
export async function threadsFor({ threads, program, ...blueprint }: Blueprint): Promise<number> {
  if (threads === 1) return 1
  const calls = callsOf(program)
  const answer = host
    ? await (await host.load()).threadsFor({ ...blueprint, threads, calls })
    : 'this host has no workers'
  if (typeof answer === 'number') return answer
  note(`createModel: threads: the model computes on one: ${answer}`)
  return 1
}
