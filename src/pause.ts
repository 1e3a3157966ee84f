import { PlanError, given, isObject, readSafely, show } from './errors'

/** Pauses of a long computation, in which other events run: a page stays alive, a signal gets through. */
export interface Pauses {
  /** Whether it is time for one. */
  due(): boolean
  take(): Promise<void>
  /** Ends the last; a process could not end otherwise. */
  close(): void
}

/** A pause is due after so many questions, too: workerd's clock stands still while code runs. */
const QUESTIONS = 10_000

/** A pause is due every so many milliseconds, and at the start. */
export function createPauses(milliseconds: number): Pauses {
  let last = -Infinity
  let questions = 0
  let resolve = () => {}
  const wake = () => resolve()
  // A timer waits milliseconds in a browser; a message does not.
  const channel =
    typeof setImmediate !== 'function' && typeof MessageChannel === 'function' ? new MessageChannel() : undefined
  if (channel) channel.port1.onmessage = wake
  const message = () => channel?.port2.postMessage(null)
  // Firefox lets messages go before frames: there, a page in view waits for its next frame. Training then takes more of
  // the clock, but not of the page; in a worker it does not.
  const waits = channel && typeof document === 'object' && navigator.userAgent.includes('Firefox/')
  const request = () => {
    if (waits && document.visibilityState === 'visible') {
      // A page that is hidden meanwhile gets no frame.
      const timer = setTimeout(message, 100)
      requestAnimationFrame(() => {
        clearTimeout(timer)
        message()
      })
    } else if (channel) message()
    else if (typeof setImmediate === 'function') setImmediate(wake)
    else setTimeout(wake)
  }
  return {
    // A clock may also be set back.
    due: () => Math.abs(Date.now() - last) >= milliseconds || ++questions >= QUESTIONS,
    async take() {
      await new Promise<void>((done) => {
        resolve = done
        request()
      })
      last = Date.now()
      questions = 0
    },
    close: () => channel?.port1.close(),
  }
}

/** `signal` if it is an AbortSignal, of whichever realm; undefined where it is off; else a PlanError. */
export function checkSignal(where: string, signal: unknown): AbortSignal | undefined {
  const value = given(signal) as AbortSignal | undefined
  return readSafely(where, 'signal', () => {
    if (value === undefined) return undefined
    const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>
    if (
      typeof aborted === 'boolean' &&
      typeof addEventListener === 'function' &&
      typeof removeEventListener === 'function'
    ) {
      return value
    }
    throw new PlanError(
      `${where}: signal must be that of an AbortController, got ${show(signal)}${isObject(value) && 'signal' in value ? '; hand in controller.signal' : ''}`,
    )
  })
}
