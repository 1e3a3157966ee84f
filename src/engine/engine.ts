// One linear memory and one table of kernels over it: what both engines are.

import { PlanError } from '../errors'
import type { Kernels } from '../kernels/index'

export interface Engine {
  readonly backend: 'wasm' | 'js'
  readonly kernels: Kernels
  readonly buffer: ArrayBuffer
  /** Frees the memory as soon as the platform allows. */
  close?(): void
}

/** WebAssembly kernels for hosts that cannot compile the built-in ones: a compiled module, or its bytes. */
export type WasmSource = WebAssembly.Module | BufferSource

export function outOfMemory(bytes: number, cause: unknown): PlanError {
  const size = (bytes / 2 ** 20).toFixed(1)
  return new PlanError(
    `createModel: this host gives no memory of ${size} MiB; a smaller batch or dtype 'float32' needs less`,
    { cause },
  )
}
