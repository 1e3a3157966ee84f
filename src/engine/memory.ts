// The memories that live in this thread, and what to say where the host gives no more.

import { PlanError } from '../errors'

/** A memory that was neither closed nor collected. */
interface Memory {
  readonly bytes: number
}

const live = new Set<Memory>()
let registry: FinalizationRegistry<Memory> | undefined

/** How many memories live in this thread, and their bytes. */
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

/** What `create` returns for so many bytes. Throws a PlanError that says what can be done where the host has no more. */
export function allocate<T>(bytes: number, create: (bytes: number) => T): T {
  try {
    // Hosts collect what was dropped before they refuse: waiting and asking again gave nothing, in none of them.
    return create(bytes)
  } catch (cause) {
    throw new PlanError(`createModel: this host gives no memory of ${mebibytes(bytes)}${cure(create)}`, { cause })
  }
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

function cure(create: (bytes: number) => unknown): string {
  const { count: models, bytes } = liveMemories()
  const others =
    `models living in this thread: ${models}, of ${mebibytes(bytes)}; close() those not needed, or drop them with every ` +
    'view of their parameters'
  try {
    create(1)
    // So it is the size.
    return `; a smaller batch or dtype 'float32' needs less${models ? `; ${others}` : ''}`
  } catch {
    return (
      `, nor any other; ${others}; each memory of WebAssembly takes 8 to 10 GiB of the addresses that a process has for ` +
      "all its threads, one of backend: 'js' its own size"
    )
  }
}
