// Waiting for what others promise: batches, callbacks.

import { isPromise } from '../errors'
import type { Core } from './core'

/**
 * Waits for a promise, but no longer than until the signal, or until the model, if there is one, is closed: then
 * undefined. Nobody sees it fail after that.
 */
export async function unlessEnded<T>(
  core: Core | undefined,
  value: T | Promise<T>,
  signal?: AbortSignal | undefined,
): Promise<T | undefined> {
  if (!isPromise(value)) return value
  let end = () => {}
  const ended = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined)
  })
  signal?.addEventListener('abort', end)
  core?.onClose.add(end)
  if (core?.closed || signal?.aborted) end()
  try {
    return await Promise.race([ended, value])
  } finally {
    signal?.removeEventListener('abort', end)
    core?.onClose.delete(end)
  }
}
