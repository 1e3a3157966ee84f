// What tests of mistakes share: values that nobody should hand over, and what comes of it.
import { DataError, FileError, PlanError } from '../../src/entries/index'

// ---- values ----

/** What functions and getters of the user's own throw: it comes out as it is. */
export class Mine extends Error {}
export const fail = () => {
  throw new Mine('of the user')
}

export function revoked(target: object): object {
  const { proxy, revoke } = Proxy.revocable(target, {})
  revoke()
  return proxy
}

export function circular(): unknown[] {
  const list: unknown[] = [1]
  list.push(list, { list })
  return list
}

export function detached<T extends Uint8Array | Float64Array>(values: T): T {
  structuredClone(values.buffer, { transfer: [values.buffer as ArrayBuffer] })
  return values
}

export const withGetter = (key: string) => Object.defineProperty({}, key, { get: fail, enumerable: true })

// ---- what comes of it ----

/** Whether it is an error that the library makes. */
export const isOurs = (error: unknown) =>
  error instanceof PlanError || error instanceof DataError || error instanceof FileError

export const NOTHING = Symbol('nothing thrown')

/** What `action` throws, or NOTHING; an error of its own where it has not ended after 10 s. */
export async function outcomeOf(action: () => unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('has not ended after 10 s')), 10_000)
    })
    await Promise.race([action(), late])
    return NOTHING
  } catch (error) {
    return error
  } finally {
    clearTimeout(timer)
  }
}

/** What `action` throws, or the text that there was no error. */
export async function errorOf(action: () => unknown): Promise<unknown> {
  try {
    await action()
  } catch (error) {
    return error
  }
  return 'no error'
}
