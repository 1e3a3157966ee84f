// What a training is, as a link: the setting, when the rate was changed, and which weights must come out.

import type { RateEvent, Run } from './run'
import { type Setting, firstSetting } from './setting'

/** All that has to be known to train the same once more. */
export interface Recipe {
  readonly setting: Setting
  readonly events: readonly RateEvent[]
  /** The name of the weights after so many steps. */
  readonly promise?: { readonly step: number; readonly hash: string }
}

/**
 * What makes the weights of a run; undefined where it was forked with another setting, or began with weights of another
 * program, which no recipe tells.
 */
export function recipeOf(run: Run): Recipe | undefined {
  if (!run.isWhole) return undefined
  const last = run.checkpoints.at(-1)
  const promise = last && last.step > 0 ? { step: last.step, hash: last.hash } : undefined
  const events = promise ? run.events.filter(({ step }) => step < promise.step) : run.events
  return { setting: run.base, events, ...(promise && { promise }) }
}

/** Data that everybody has who opens the page. */
export const isPublic = (data: string) => !data.includes(':')

export function linkOf(recipe: Recipe): string {
  const text = new TextEncoder().encode(JSON.stringify(recipe))
  const code = btoa(String.fromCharCode(...text))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
  return `${location.origin}${location.pathname}#${code}`
}

/** The recipe in a link; undefined where there is none. Throws an Error where it cannot be read. */
export function readLink(hash: string): Recipe | undefined {
  const code = hash.replace(/^#/, '')
  if (!code) return undefined
  try {
    const bytes = Uint8Array.from(atob(code.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0))
    return checkRecipe(JSON.parse(new TextDecoder().decode(bytes)))
  } catch (cause) {
    throw new Error('This link is damaged: a part of it may be missing. The page begins as it always does.', { cause })
  }
}

/** What came from outside is a recipe, or it throws. */
export function checkRecipe(value: unknown): Recipe {
  const { setting, events = [], promise } = value as Partial<Recipe>
  const first = firstSetting() as unknown as Record<string, unknown>
  const given = setting as unknown as Record<string, unknown>
  for (const [name, one] of Object.entries(first)) {
    if (typeof given[name] !== typeof one) throw new Error(`the setting has no ${name}`)
  }
  if (!Array.isArray(events) || !events.every(({ step, rate }) => step >= 0 && rate >= 0)) throw new Error('events')
  if (promise && !(Number.isInteger(promise.step) && /^[0-9a-f]{16}$/.test(promise.hash))) throw new Error('promise')
  return { setting: setting!, events, ...(promise && { promise }) }
}
