import type { DType } from '../tensor'
import { type KernelModule, ids, threads as host, wasm } from '#host'
import { PlanError, note } from '../errors'
import type { Kernels } from '../kernels/index'
import { type Engine, type WasmSource, type WasmSources, openEngine } from './engine'
import { load } from './load'
import { allocate } from './memory'
import { fromStreams } from './streams'
import { decode } from './text'

const PAGE = 65536
/** The entry of the package that is the compiled kernels of a group: of the first unless given. */
export const entryOf = (dtype: DType, group = '') => `v128/kernels${group}.${dtype === 'float64' ? 'f64' : 'f32'}.wasm`

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

/**
 * The files to take for these kernels, or for all: of each group that has some of them, and of the first, the smallest that
 * has these, unless there is one already.
 */
function filesOf(dtype: DType, names: readonly string[] | undefined, modules: Modules): KernelModule[] {
  return wasm[dtype].flatMap((group, i) => {
    const whole = group.at(-1)!
    const own = names?.filter((name) => whole.kernels.test(name))
    if (i && own?.length === 0) return []
    const fits = group.filter((file) => file === whole || own?.every((name) => file.kernels.test(name)))
    return fits.find((file) => modules.has(file)) ?? fits[0]
  })
}

async function compile(dtype: DType, file: KernelModule, modules: Modules): Promise<WebAssembly.Module> {
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

const NOT_OURS = "is not v128's kernels"

/** What is wrong with a `wasm` that was given, and what to give. */
function faultOf(dtype: DType, what: string, cause?: unknown, beside = ''): PlanError {
  return new PlanError(
    `createModel: wasm ${what}; give the compiled module of ${entryOf(dtype)}, or its bytes${beside}`,
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
  source?: WasmSources,
  names?: readonly string[],
  threads: Threads = { count: 1, scratchBytes: 0 },
): Promise<Engine> {
  if (typeof WebAssembly !== 'object') throw new TypeError('WebAssembly is not defined')
  const several = threads.count > 1
  const cache = several ? shared : compiled
  const sources: readonly WasmSource[] = await Promise.all(
    source
      ? [source].flat().map((one) => (several ? sharing(one as BufferSource) : one))
      : filesOf(dtype, names, cache).map((file) => compile(dtype, file, cache)),
  )
  const memory = allocate(bytes, (size) => {
    const pages = Math.ceil(size / PAGE)
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: several })
  })
  const modules: WebAssembly.Module[] = []
  // No module stores anything in memory by itself: all of it is the plan's.
  const exports = {} as Kernels
  for (const given of sources) {
    const result = await WebAssembly.instantiate(given as WebAssembly.Module, { env: { memory } }).catch(
      (cause: unknown): never => {
        throw source ? faultOf(dtype, `${NOT_OURS}: ${String(cause)}`, cause) : cause
      },
    )
    // Of bytes comes a module with its instance, of a module the instance alone.
    const { module, instance } = ('instance' in result ? result : { module: given, instance: result }) as Compiled
    if (source && idOf(module) !== ids[dtype]) throw faultOf(dtype, `${NOT_OURS} for ${dtype}, of this version`)
    modules.push(module)
    Object.assign(exports, instance.exports)
  }
  // What every model calls is in the first group; some names have the number of a variant behind them.
  const missing = ['norm', ...(names ?? [])].find((name) => name && !(name.replace(/\d$/, '') in exports))
  if (missing) throw faultOf(dtype, `lacks ${missing}`, undefined, `, and ${entryOf(dtype, '.more')}: [a, b]`)
  // Growing, by nothing too, empties every view that there was.
  if (!several) return openEngine('wasm', exports, memory.buffer, () => void memory.grow(0))
  const { threadedKernels } = await host!.load()
  try {
    const { kernels, check, close } = await threadedKernels(dtype, modules, memory, exports, threads, planError)
    return openEngine('wasm', kernels, memory.buffer, close, threads.count, check)
  } catch (cause) {
    note(`createModel: threads: the model computes on one: a worker could not be had: ${(cause as Error).message}`)
    return createWasmEngine(dtype, bytes - (threads.count - 1) * threads.scratchBytes, source, names)
  }
}
