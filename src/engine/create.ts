import { FileError, PlanError } from '../errors'
import type { DType } from '../tensor'
import type { Engine, WasmSources } from './engine'
import { createJsEngine } from './js'
import { type Threads, createWasmEngine, entryOf } from './wasm'

let warned = false

/**
 * Memory of `bytes` bytes and the kernels over it: at least those with these `names`, and all unless given. 'auto' takes
 * WebAssembly where it compiles and runs, else the TypeScript twin, which gives the same bits, and says so once.
 */
export async function createEngine(
  dtype: DType,
  bytes: number,
  backend: 'auto' | 'wasm' | 'js',
  source?: WasmSources,
  names?: readonly string[],
  threads?: Threads,
): Promise<Engine> {
  if (backend !== 'js') {
    try {
      return await createWasmEngine(dtype, bytes, source, names, threads)
    } catch (cause) {
      // Memory that cannot be had, or a file that does not come, would fail in JavaScript as well.
      if (cause instanceof PlanError || cause instanceof FileError) throw cause
      const what = `this host compiles no WebAssembly (${String(cause)})`
      const cure =
        "allow 'wasm-unsafe-eval' in the content security policy, or give createModel a compiled module as `wasm`, such " +
        `as ${entryOf(dtype)}`
      // A module that was handed in was meant.
      if (backend === 'wasm' || source) throw new PlanError(`createModel: ${what}: ${cure}`, { cause })
      if (!warned) {
        console.warn(
          `v128: ${what}; models run on the TypeScript kernels, many times slower, to the same bits; ${cure}, or take ` +
            `backend: 'js'`,
        )
      }
      warned = true
    }
  }
  return createJsEngine(dtype, bytes)
}
