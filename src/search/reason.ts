import { show } from '../errors'

/** The longest reason, in characters: it goes into the file of a search. */
export const REASON = 500

/** Why something failed, in words, whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  let reason: unknown
  try {
    reason = typeof thrown === 'string' ? thrown : (thrown as { message?: unknown } | null | undefined)?.message
  } catch {
    reason = undefined
  }
  if (typeof reason !== 'string') return show(thrown)
  return reason.length > REASON ? `${reason.slice(0, REASON)}...` : reason
}
