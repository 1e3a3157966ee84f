import { createTwin as createFloat32 } from '#twin/f32'
import { createTwin as createFloat64 } from '#twin/f64'
import type { DType, Engine } from './index'
import { outOfMemory } from './wasm'

/** The TypeScript twin of the kernels. Throws a PlanError if the memory cannot be had. */
export function createJsEngine(dtype: DType, bytes: number): Engine {
  let buffer: ArrayBuffer
  try {
    buffer = new ArrayBuffer(bytes)
  } catch (error) {
    throw outOfMemory(bytes, error)
  }
  return { backend: 'js', kernels: dtype === 'float64' ? createFloat64(buffer) : createFloat32(buffer), buffer }
}
