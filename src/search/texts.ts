// What users, files and thrown values say, as it goes into messages and files: in words, and short.

import { show } from '../errors'
import type { Machine } from './store'

/** The longest reason, in characters: it goes into the file of a search. */
export const REASON = 500
/** The longest path, or setting, of a message. */
const WIDTH = 200

/** The beginning of a text. */
export function clip(text: string, width = WIDTH): string {
  return text.length > width ? `${text.slice(0, width)}...` : text
}

/** Why something failed, in words, whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  let reason: unknown
  try {
    reason = typeof thrown === 'string' ? thrown : (thrown as { message?: unknown } | null | undefined)?.message
  } catch {
    reason = undefined
  }
  return typeof reason === 'string' ? clip(reason, REASON) : show(thrown)
}

/** A value as JSON: what a file holds may be nested too deeply for it. */
export function textOf(value: unknown): string {
  try {
    return JSON.stringify(value) ?? 'not given'
  } catch {
    return 'nested too deeply'
  }
}

/** A machine, in words. */
export function machineText({ host, runtime, pid }: Machine): string {
  return `${host} (${runtime}, process ${pid})`
}

/** A text without the passwords of the addresses in it. */
export function withoutPasswords(text: string): string {
  return text
    .replace(/((?:\b[a-z+]+:)\/{0,2}[^:@\s"]*):[^\s"]*@/gi, '$1:***@')
    .replace(/([?&]password=)[^&\s"]*/gi, '$1***')
}
