import type { DType } from '../tensor'
import { type KernelModule, ids, threads as host, wasm } from '#host'
import { PlanError, note } from '../errors'
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
type Modules = Map<KernelModule, Promise<WebAssembly.Module>>
const compiled: Modules = new Map()
/** The same over memory that is shared. */
const shared: Modules = new Map()

/** How many threads compute the calls of an engine, and how far apart their scratches lie. */
export interface Threads {
  readonly count: number
  readonly scratchBytes: number
}

/** The module to take for these kernels, or for all: the smallest, unless there is one already. */
function moduleOf(dtype: DType, names: readonly string[] | undefined, modules: Modules): KernelModule {
  const fits = wasm[dtype].filter(({ kernels }) => !kernels || names?.every((name) => kernels.test(name)))
  return fits.find((module) => modules.has(module)) ?? fits[0]
}

async function compile(
  dtype: DType,
  names: readonly string[] | undefined,
  modules: Modules,
): Promise<WebAssembly.Module> {
  const file = moduleOf(dtype, names, modules)
  const { default: source } = await load(dtype, file)
  let module = modules.get(file)
  if (!module) {
    const given = typeof source === 'string' ? fromStreams(decode(source)) : source
    // Not `instanceof WebAssembly.Module`: a module may come from another realm.
    module = isBytes(given)
      ? WebAssembly.compile(modules === shared ? await sharing(given) : given)
      : Promise.resolve(given)
    modules.set(file, module)
  }
  return module
}

/** See threads.ts, which is loaded for models of several threads alone. */
const sharing = async (source: BufferSource) => (await host!.load()).sharing(source)

function isBytes(source: WasmSource): source is BufferSource {
  return ArrayBuffer.isView(source) || 'byteLength' in source
}

const planError = (message: string) => new PlanError(message)

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
 * With the kernels `names` at least; with all unless given. Where the threads cannot be had, there is one, and the console
 * says why. Throws a PlanError if the memory cannot be had, and whatever WebAssembly throws if the host forbids it.
 */
export async function createWasmEngine(
  dtype: DType,
  bytes: number,
  source?: WasmSource,
  names?: readonly string[],
  threads: Threads = { count: 1, scratchBytes: 0 },
): Promise<Engine> {
  if (typeof WebAssembly !== 'object') throw new TypeError('WebAssembly is not defined')
  const several = threads.count > 1
  const given = source && several ? await sharing(source as BufferSource) : source
  const module = given ?? (await compile(dtype, names, several ? shared : compiled))
  const memory = allocate(bytes, (size) => {
    const pages = Math.ceil(size / PAGE)
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: several })
  })
  const result = await WebAssembly.instantiate(module as WebAssembly.Module, { env: { memory } }).catch(
    (cause: unknown): never => {
      throw source ? notOurs(dtype, cause) : cause
    },
  )
  // Of bytes comes a module with its instance, of a module the instance alone.
  const { module: own, instance } = ('instance' in result ? result : { module, instance: result }) as Compiled
  if (source && idOf(own) !== ids[dtype]) throw notOurs(dtype)
  const exports = instance.exports as unknown as Kernels
  // Growing, by nothing too, empties every view that there was.
  if (!several) return openEngine('wasm', exports, memory.buffer, () => void memory.grow(0))
  const { threadedKernels } = await host!.load()
  try {
    const { kernels, check, close } = await threadedKernels(dtype, own, memory, exports, threads, planError)
    return openEngine('wasm', kernels, memory.buffer, close, threads.count, check)
  } catch (cause) {
    note(`createModel: threads: the model computes on one: a worker could not be had: ${(cause as Error).message}`)
    return createWasmEngine(dtype, bytes - (threads.count - 1) * threads.scratchBytes, source, names)
  }
}
