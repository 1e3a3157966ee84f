// The memories that live in this program, and what to say where the host gives no more.

import { PlanError } from '../errors'

/** A memory that was neither closed nor collected. */
interface Memory {
  readonly bytes: number
}

const live = new Set<Memory>()
let registry: FinalizationRegistry<Memory> | undefined

/** How many memories live in this program, and their bytes. */
export function liveMemories(): { count: number; bytes: number } {
  let bytes = 0
  for (const memory of live) bytes += memory.bytes
  return { count: live.size, bytes }
}

/** `buffer` is among the living until it is collected, or what is returned goes to forget. */
export function count(buffer: ArrayBuffer): Memory {
  const memory = { bytes: buffer.byteLength }
  live.add(memory)
  // Not in every workerd: there, what was dropped is counted as well.
  if (typeof FinalizationRegistry === 'function') {
    registry ??= new FinalizationRegistry((collected) => live.delete(collected))
    registry.register(buffer, memory, memory)
  }
  return memory
}

export function forget(memory: Memory): void {
  live.delete(memory)
  registry?.unregister(memory)
}

/** After so many milliseconds each, memory that the host did not give is asked for again. */
const AGAIN = [0, 10, 100]

/**
 * What `create` returns for so many bytes. What the program has just dropped is collected only once it waits, so where
 * there is no memory it waits, and asks again. Throws a PlanError that says what can be done.
 */
export async function allocate<T>(bytes: number, create: (bytes: number) => T): Promise<T> {
  for (const milliseconds of AGAIN) {
    try {
      return create(bytes)
    } catch {
      await new Promise((resolve) => setTimeout(resolve, milliseconds))
    }
  }
  try {
    return create(bytes)
  } catch (cause) {
    throw new PlanError(`createModel: this host gives no memory of ${mebibytes(bytes)}${cure(create)}`, { cause })
  }
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

function cure(create: (bytes: number) => unknown): string {
  const { count: models, bytes } = liveMemories()
  const others =
    `${models} ${models === 1 ? 'model lives' : 'models live'} in this program, with ${mebibytes(bytes)}: call close() ` +
    'of those that are not needed, or drop them and all views of their parameters, and they are collected'
  try {
    create(1)
    // There is room for a small one.
    return `; a smaller batch or dtype 'float32' needs less${models ? `. ${others}` : ''}`
  } catch {
    return (
      `, nor any other. ${others}. Each memory of WebAssembly takes about 10 GiB of the addresses that a program has, ` +
      "however small it is; one of backend: 'js' takes its own size only"
    )
  }
}
