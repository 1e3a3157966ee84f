// One linear memory and one table of kernels over it: what both engines are.

import { PlanError } from '../errors'
import type { Kernels } from '../kernels/index'
import { count, forget } from './memory'

export interface Engine {
  readonly backend: 'wasm' | 'js'
  /** How many threads compute the calls of its kernels. */
  readonly threads: number
  /** Throws a PlanError after close. */
  readonly kernels: Kernels
  /** Throws a PlanError after close. Shared among threads, where there are several. */
  readonly buffer: ArrayBuffer
  /** Throws a PlanError, once, where one of its threads has ended. */
  check(): void
  /**
   * Empties every view of the memory (their length is 0 from then on), and lets go of it. The memory of a WebAssembly
   * engine is freed when its kernels and all views, for V8 the empty ones too, were dropped and are collected; that of
   * the other one at once, where the host can do that. A second call does nothing.
   */
  close(): void
}

/**
 * WebAssembly kernels other than the built-in ones: a compiled module, or its bytes, of `v128/kernels.f64.wasm` or, for
 * float32, `v128/kernels.f32.wasm` of the same version. For hosts that compile none themselves, and for pages that fetch
 * them as a file of their own, which the browser compiles while it arrives and keeps in its cache. Some layers want
 * `v128/kernels.more.f64.wasm` (or `f32`) beside it: `wasm: [kernels, more]`; createModel says it where one is missing.
 * As webpack finds them:
 *
 *     const url = new URL('v128/kernels.f32.wasm', import.meta.url)
 *     const wasm = await WebAssembly.compileStreaming(fetch(url))
 *     const model = await createModel(network, { input: [4], dtype: 'float32', wasm })
 *
 * With Vite the first line is `import url from 'v128/kernels.f32.wasm?url'`.
 */
export type WasmSource = WebAssembly.Module | BufferSource
/** One of them, or several. */
export type WasmSources = WasmSource | readonly WasmSource[]

/**
 * `kernels` over `buffer`, counted among the memories that live. `detach` empties the views of the buffer, or ends its
 * threads.
 */
export function openEngine(
  backend: Engine['backend'],
  kernels: Kernels,
  buffer: ArrayBuffer,
  detach: () => void,
  threads = 1,
  check: () => void = () => {},
): Engine {
  const memory = count(buffer)
  let parts: { kernels: Kernels; buffer: ArrayBuffer; detach: () => void } | undefined = { kernels, buffer, detach }
  const open = () => {
    if (parts) return parts
    throw new PlanError('this model was closed; create another')
  }
  return {
    backend,
    threads,
    check,
    get kernels() {
      return open().kernels
    },
    get buffer() {
      return open().buffer
    },
    close() {
      parts?.detach()
      parts = undefined
      forget(memory)
    },
  }
}
