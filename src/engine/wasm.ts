import type { DType } from '../tensor'
import { float32, float64 } from '#wasm'
import { PlanError } from '../errors'
import type { Kernels } from '../kernels/index'
import { type Engine, type WasmSource, outOfMemory } from './engine'

const PAGE = 65536
const HINT = '; import it from v128/kernels.f64.wasm, for float32 from v128/kernels.f32.wasm'

/** Compiling takes milliseconds, and a host that forbids it will do so again: once for each precision. */
const compiled = new Map<DType, Promise<WebAssembly.Module>>()

function compile(dtype: DType): Promise<WebAssembly.Module> {
  let module = compiled.get(dtype)
  if (!module) {
    const source = dtype === 'float64' ? float64() : float32()
    // Not `instanceof WebAssembly.Module`: a module may come from another realm.
    module = isBytes(source) ? WebAssembly.compile(source) : Promise.resolve(source)
    compiled.set(dtype, module)
  }
  return module
}

function isBytes(source: WasmSource): source is BufferSource {
  return ArrayBuffer.isView(source) || 'byteLength' in source
}

/** Throws a PlanError if the memory cannot be had, and whatever WebAssembly throws if the host forbids it. */
export async function createWasmEngine(dtype: DType, bytes: number, source?: WasmSource): Promise<Engine> {
  const module = source ?? (await compile(dtype))
  const pages = Math.ceil(bytes / PAGE)
  let memory: WebAssembly.Memory
  try {
    memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
  } catch (error) {
    throw outOfMemory(bytes, error)
  }
  const result = await WebAssembly.instantiate(module as WebAssembly.Module, { env: { memory } }).catch(
    (cause: unknown): never => {
      if (!source) throw cause
      throw new PlanError(`createModel: the wasm given is not v128's kernels: ${String(cause)}${HINT}`, { cause })
    },
  )
  const { exports } = 'instance' in result ? (result.instance as WebAssembly.Instance) : result
  const kernels = exports as unknown as Kernels
  if (source && kernels.bytesPerValue?.() !== (dtype === 'float64' ? 8 : 4)) {
    throw new PlanError(`createModel: the wasm given is not v128's kernels for ${dtype}${HINT}`)
  }
  return { backend: 'wasm', kernels, buffer: memory.buffer }
}
