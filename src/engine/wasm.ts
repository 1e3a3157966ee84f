import type { DType } from '../tensor'
import { type KernelModule, ids, wasm } from '#host'
import { PlanError } from '../errors'
import type { Kernels } from '../kernels/index'
import { type Engine, type WasmSource, openEngine } from './engine'
import { load } from './load'
import { allocate } from './memory'
import { fromStreams } from './streams'
import { decode } from './text'

const PAGE = 65536
/** The entry of the package that is the compiled kernels. */
export const entryOf = (dtype: DType) => `v128/kernels.${dtype === 'float64' ? 'f64' : 'f32'}.wasm`

/** Compiling takes milliseconds, and a host that forbids it will do so again: once for each module. */
const compiled = new Map<KernelModule, Promise<WebAssembly.Module>>()

/** The module to take for these kernels, or for all: the smallest, unless there is one already. */
function moduleOf(dtype: DType, names: readonly string[] | undefined): KernelModule {
  const fits = wasm[dtype].filter(({ kernels }) => !kernels || names?.every((name) => kernels.test(name)))
  return fits.find((module) => compiled.has(module)) ?? fits[0]
}

async function compile(dtype: DType, names: readonly string[] | undefined): Promise<WebAssembly.Module> {
  const file = moduleOf(dtype, names)
  const { default: source } = await load(dtype, file)
  let module = compiled.get(file)
  if (!module) {
    const given = typeof source === 'string' ? fromStreams(decode(source)) : source
    // Not `instanceof WebAssembly.Module`: a module may come from another realm.
    module = isBytes(given) ? WebAssembly.compile(given) : Promise.resolve(given)
    compiled.set(file, module)
  }
  return module
}

function isBytes(source: WasmSource): source is BufferSource {
  return ArrayBuffer.isView(source) || 'byteLength' in source
}

type Compiled = WebAssembly.WebAssemblyInstantiatedSource

/** Of kernels: see ids. */
function idOf(module: WebAssembly.Module): string {
  const [section] = WebAssembly.Module.customSections(module, 'v128')
  return section ? String.fromCharCode(...new Uint8Array(section)) : ''
}

function notOurs(dtype: DType, cause?: unknown): PlanError {
  const why = cause ? `: ${String(cause)}` : ` for ${dtype}, of this version`
  return new PlanError(
    `createModel: wasm is not v128's kernels${why}; give the compiled module of ${entryOf(dtype)}, or its bytes`,
    { cause },
  )
}

/**
 * With the kernels `names` at least; with all unless given. Throws a PlanError if the memory cannot be had, and whatever
 * WebAssembly throws if the host forbids it.
 */
export async function createWasmEngine(
  dtype: DType,
  bytes: number,
  source?: WasmSource,
  names?: readonly string[],
): Promise<Engine> {
  if (typeof WebAssembly !== 'object') throw new TypeError('WebAssembly is not defined')
  const module = source ?? (await compile(dtype, names))
  const memory = allocate(bytes, (size) => {
    const pages = Math.ceil(size / PAGE)
    return new WebAssembly.Memory({ initial: pages, maximum: pages })
  })
  const result = await WebAssembly.instantiate(module as WebAssembly.Module, { env: { memory } }).catch(
    (cause: unknown): never => {
      throw source ? notOurs(dtype, cause) : cause
    },
  )
  // Of bytes comes a module with its instance, of a module the instance alone.
  const { module: own, instance } = ('instance' in result ? result : { module, instance: result }) as Compiled
  if (source && idOf(own) !== ids[dtype]) throw notOurs(dtype)
  // Growing, by nothing too, empties every view that there was.
  return openEngine('wasm', instance.exports as unknown as Kernels, memory.buffer, () => void memory.grow(0))
}
