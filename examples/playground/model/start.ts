// A model in a worker, that has computed something.

import { createWorkerModel } from 'v128/worker'
import { networkOf, optionsOf } from './build'
import type { Remote } from './run'
import type { Setting } from './setting'

interface StartOptions {
  readonly input: readonly number[]
  readonly threads: number | 'auto'
  readonly backend?: 'js'
  /** What it computes first. */
  readonly watched: { x: Float32Array; y: Uint8Array }
}

/** Milliseconds for threads to begin, the first time and the second. */
const PATIENCE = [4000, 8000]

const later = (milliseconds: number) => new Promise<undefined>((resolve) => setTimeout(resolve, milliseconds))

/**
 * In one of some fifty workers Firefox never comes back from `new Worker`, which threads need: another worker takes its
 * place then, and at last one thread, which gives the same bits.
 */
export async function startModel(setting: Setting, options: StartOptions): Promise<Remote> {
  for (const patience of options.threads === 1 ? [] : PATIENCE) {
    let worker: Worker | undefined
    const several = make(setting, options, (made) => (worker = made))
    const model = await Promise.race([several, later(patience)])
    if (model) return model
    several.catch(() => {})
    worker?.terminate()
  }
  return make(setting, { ...options, threads: 1 })
}

async function make(
  setting: Setting,
  { input, threads, backend, watched }: StartOptions,
  tell?: (worker: Worker) => void,
): Promise<Remote> {
  const worker = () => {
    const made = new Worker(new URL('worker.js', document.baseURI), { type: 'module' })
    tell?.(made)
    return made
  }
  const all = { ...optionsOf(setting, input), threads, worker, ...(backend && { backend }) }
  const model = (await createWorkerModel(networkOf(setting), all)) as unknown as Remote
  await model.evaluate(watched)
  return model
}
