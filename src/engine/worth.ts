// How many threads a model gets.

import type { Kernels } from '../kernels/index'
import { RULES, createSplit, splitOf } from './split'
import { coresOf, obstacle } from './workers'

/** Nanoseconds that a share must take: handing it over takes about two microseconds. */
export const LEAST_SHARE = 5000

/** What is known of a model before it has memory. */
export interface Wish {
  readonly threads: number | 'auto'
  readonly backend: 'auto' | 'wasm' | 'js'
  readonly wasm: unknown
  readonly batch: number
  /** Bytes of a value. */
  readonly bytes: number
  /** The calls of a step. */
  readonly calls: readonly {
    readonly kernel: string | ((...args: any[]) => unknown)
    readonly sizes: readonly unknown[]
    readonly reads: readonly unknown[]
    readonly writes: readonly unknown[]
  }[]
}

/** Why the model can have one thread alone, and what would help; undefined where it can have more. */
function obstacleTo({ backend, wasm }: Wish): string | undefined {
  if (backend === 'js') return "the TypeScript kernels of backend: 'js' are for one; take WebAssembly's"
  if (wasm && [wasm].flat().some((one) => !('byteLength' in (one as object)))) {
    return 'the module given as wasm is compiled for memory of one thread; give its bytes instead'
  }
  return obstacle()
}

/** How many threads the model gets: as many as it wishes, or as its work is worth; in words, why there can be but one. */
export async function threadsFor(wish: Wish): Promise<number | string> {
  const { threads, batch, bytes, calls } = wish
  if (threads !== 'auto') return obstacleTo(wish) ?? threads
  const sizeOf = (size: unknown) =>
    typeof size === 'number' ? size : ((size as { perExample?: number }).perExample ?? 0) * batch
  const sized = calls.flatMap(({ kernel, sizes, reads, writes }) => {
    const args = [...sizes.map(sizeOf), ...reads.map(Number), ...writes.map(Number), 0]
    return typeof kernel === 'string' ? [{ kernel, args }] : []
  })
  const worth = threadsWorth(sized, await coresOf(), bytes)
  // What could not be had is worth a word where it was worth having.
  return worth === 1 ? 1 : (obstacleTo(wish) ?? worth)
}

/**
 * Nanoseconds that splitting a call costs, and each thread of it. Measured on two cores, two threads against one: dense
 * networks of 10 classes, float64, gain from steps of 0.25 ms on (64 units, batch 128: 1.18 times as fast; 128 units, batch
 * 32: 1.28; 256 units, batch 128: 1.71), and lose up to a tenth below 0.1 ms.
 */
const DISPATCH = 12_000
const DISPATCH_THREAD = 2000

/** How many of `cores` threads these calls are worth: one more as long as it makes a step a tenth faster. */
function threadsWorth(
  calls: readonly { readonly kernel: string; readonly args: readonly number[] }[],
  cores: number,
  bytes: number,
): number {
  const split = createSplit(bytes)
  const costs = calls.flatMap(({ kernel, args }) => {
    const rule = RULES[kernel as keyof Kernels]
    if (rule) splitOf(rule, args, split)
    return rule ? [{ cost: split.cost, most: Math.min(split.units, Math.floor(split.cost / LEAST_SHARE)) }] : []
  })
  const timeOf = (threads: number): number => {
    let time = 0
    for (const { cost, most } of costs) {
      const shares = Math.max(1, Math.min(threads, most))
      time += cost / shares + (shares > 1 ? DISPATCH + DISPATCH_THREAD * shares : 0)
    }
    return time
  }
  let threads = 1
  while (threads < cores && timeOf(threads + 1) < 0.9 * timeOf(threads)) threads++
  return threads
}
