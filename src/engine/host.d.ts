// What the build makes for each kind of host: how it loads what is of one precision, and only that.

import type { DType } from '../tensor'
import type { WasmSource } from './engine'
import type { ByteText } from './text'
import type { createTwin } from '../kernels/index'

/** The kernels: as text where the host compiles bytes, else as a compiled module. */
export declare const wasm: Readonly<Record<DType, () => Promise<{ default: ByteText | WasmSource }>>>
/** Their TypeScript twin, for hosts without WebAssembly. */
export declare const twin: Readonly<Record<DType, () => Promise<{ createTwin: typeof createTwin }>>>
/** What the custom section 'v128' of the kernels of this build holds. */
export declare const ids: Readonly<Record<DType, string>>
