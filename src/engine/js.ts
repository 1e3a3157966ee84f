import type { DType } from '../tensor'
import { twin } from '#host'
import { type Engine, openEngine } from './engine'
import { load } from './load'
import { allocate } from './memory'

/** The TypeScript twin of the kernels. Throws a PlanError if the memory cannot be had. */
export async function createJsEngine(dtype: DType, bytes: number): Promise<Engine> {
  const { createTwin } = await load(dtype, twin[dtype])
  const buffer = allocate(bytes, (size) => new ArrayBuffer(size))
  return openEngine('js', createTwin(buffer), buffer, () => detach(buffer))
}

/** Moves the memory into a buffer that nobody keeps: one of no bytes, where the host can do that. */
function detach(buffer: ArrayBuffer & { transfer?: (bytes: number) => ArrayBuffer }): void {
  if (buffer.transfer) buffer.transfer(0)
  else structuredClone(buffer, { transfer: [buffer] })
}
