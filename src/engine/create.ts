import { PlanError } from '../errors'
import type { DType } from '../tensor'
import type { Engine, WasmSource } from './engine'
import { createJsEngine } from './js'
import { createWasmEngine } from './wasm'

let warned = false

/**
 * Memory of `bytes` bytes and the kernels over it. 'auto' takes WebAssembly where it compiles and runs, else the
 * TypeScript twin, which gives the same bits, and says so once.
 */
export async function createEngine(
  dtype: DType,
  bytes: number,
  backend: 'auto' | 'wasm' | 'js',
  source?: WasmSource,
): Promise<Engine> {
  if (backend !== 'js') {
    try {
      return await createWasmEngine(dtype, bytes, source)
    } catch (error) {
      // Memory that cannot be had would fail in JavaScript as well, and a module that was handed in was meant.
      if (backend === 'wasm' || source || error instanceof PlanError) throw error
      if (!warned) {
        console.warn(
          `v128: this host compiles no WebAssembly (${String(error)}); models run on the TypeScript kernels: the same ` +
            "bits, but many times slower. Allow 'wasm-unsafe-eval' in the content security policy, or hand createModel " +
            "a compiled module as `wasm`, such as that of 'v128/kernels.f64.wasm'; backend: 'js' asks for these kernels.",
        )
      }
      warned = true
    }
  }
  return createJsEngine(dtype, bytes)
}
