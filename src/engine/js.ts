import type { DType, Engine } from './index'
import { outOfMemory } from './wasm'

/** Loaded only where they are needed: most programs never are without WebAssembly, or train in both precisions. */
const twins = { float64: () => import('#twin/f64'), float32: () => import('#twin/f32') }

/** The TypeScript twin of the kernels. Throws a PlanError if the memory cannot be had. */
export async function createJsEngine(dtype: DType, bytes: number): Promise<Engine> {
  const { createTwin } = await twins[dtype]()
  let buffer: ArrayBuffer
  try {
    buffer = new ArrayBuffer(bytes)
  } catch (error) {
    throw outOfMemory(bytes, error)
  }
  return { backend: 'js', kernels: createTwin(buffer), buffer }
}
