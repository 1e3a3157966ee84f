// What the build makes for each kind of host: how it loads what is of one precision, and only that.

import type { DType } from '../tensor'
import type { WasmSource } from './engine'
import type { createTwin } from '../kernels/index'

/** A file of its own. */
interface Loaded<T> {
  readonly load: () => Promise<T>
}

/** Kernels as text where the host compiles bytes, else as a compiled module. */
export interface KernelModule extends Loaded<{ default: string | WasmSource }> {
  /** What the names of those in it match. */
  readonly kernels: RegExp
}

/**
 * The kernels in groups, the first of which has what every model calls: of each, modules of some, the smallest first,
 * then that of all.
 */
export declare const wasm: Readonly<Record<DType, readonly (readonly KernelModule[])[]>>
/** Their TypeScript twin, for hosts without WebAssembly. */
export declare const twin: Readonly<Record<DType, Loaded<{ createTwin: typeof createTwin }>>>
/** How calls are computed by several threads; not where there are no workers. */
export declare const threads: Loaded<typeof import('./threads')> | undefined
/** What the custom section 'v128' of the kernels of this build holds. */
export declare const ids: Readonly<Record<DType, string>>
/** The version of this package. */
export declare const version: string
