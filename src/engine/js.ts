import { type Engine, outOfMemory } from './engine'
import type { DType } from '../tensor'

/**
 * Loaded only where they are needed: most programs never are without WebAssembly, or train in both precisions. What
 * webpack makes for edge hosts is one file, which can load no other.
 */
const twins = {
  float64: () => import(/* webpackMode: "eager" */ '#twin/f64'),
  float32: () => import(/* webpackMode: "eager" */ '#twin/f32'),
}

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
