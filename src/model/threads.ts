// How many threads compute a model.

import { threads as host } from '#host'
import { PlanError, note, show } from '../errors'
import { TRAINING, WEIGHT, type Call, type Size } from '../plan/calls'
import type { Blueprint } from './options'

/** More than any machine has cores that could gain by it. */
export const MOST_THREADS = 64

/** The option of createModel. Throws a PlanError unless it is a number of threads, or 'auto'. */
export function checkThreads(where: string, threads: unknown): number | 'auto' {
  if (threads === undefined || threads === null) return 1
  if (
    threads === 'auto' ||
    (Number.isInteger(threads) && (threads as number) > 0 && (threads as number) <= MOST_THREADS)
  ) {
    return threads as number | 'auto'
  }
  throw new PlanError(`${where}: threads must be 'auto' or an integer from 1 to ${MOST_THREADS}, got ${show(threads)}`)
}

/** How many threads the model gets: as many as it was told, or as its work is worth, where this host has any. */
export async function threadsFor(blueprint: Blueprint): Promise<number> {
  const { threads, backend, wasm } = blueprint
  if (threads === 1) return 1
  const tell = (why: string) => {
    note(`createModel: threads: ${show(threads)}, but the model computes on one: ${why}`)
    return 1
  }
  if (backend === 'js') return tell("the TypeScript kernels of backend: 'js' are for one; take WebAssembly's")
  if (!host) return tell('this host has no workers')
  if (wasm && !('byteLength' in wasm)) {
    return tell('the module given as wasm is compiled for memory of one thread; give its bytes instead')
  }
  const { coresOf, obstacle, threadsWorth } = await host.load()
  const why = obstacle()
  if (why) return tell(why)
  return threads === 'auto' ? threadsWorth(callsOf(blueprint), await coresOf(), blueprint.bytes) : threads
}

/** The kernels that a step of a full batch calls, with the sizes of the calls; places are 1. */
function callsOf({ program, batch }: Blueprint): { kernel: string; args: number[] }[] {
  const { forward, loss, backward } = program
  const calls = [...forward, loss, ...backward].filter((call): call is Call => typeof call?.kernel === 'string')
  const sizeOf = (size: Size) => {
    if (typeof size === 'number') return size
    if (size === TRAINING || size === WEIGHT || typeof size === 'function') return 1
    return (size as { perExample: number }).perExample * batch
  }
  return calls.map(({ kernel, sizes, reads, writes }) => {
    return {
      kernel: kernel as string,
      args: [...sizes.map(sizeOf), ...reads, ...writes, 0].map((one) => Number(one) || 1),
    }
  })
}
