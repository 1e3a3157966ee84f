// A setting that is being changed, and what the library says of it.

import { computed, signal } from '@preact/signals'
import { plan } from './build'
import type { Run } from './run'
import type { Setting } from './setting'
import { current } from './store'

/** What was changed, and of which run's setting. */
const changed = signal<{ of: Run; setting: Setting } | undefined>(undefined)

export const draft = computed<Setting | undefined>(() => {
  const run = current.value
  if (!run) return undefined
  if (changed.value?.of === run) return changed.value.setting
  return { ...run.setting, optimizer: { ...run.setting.optimizer } }
})

export const isChanged = computed(() => {
  const run = current.value
  return changed.value?.of === run && JSON.stringify(run?.setting) !== JSON.stringify(draft.value)
})

export function change(part: Partial<Setting>): void {
  if (current.value && draft.value) changed.value = { of: current.value, setting: { ...draft.value, ...part } }
}

export function forgetChanges(): void {
  changed.value = undefined
}

/** The model that the draft would be, or the library's error. */
export const planned = computed(() => {
  const run = current.value
  if (!run || !draft.value) return undefined
  return plan(draft.value, run.data.input, run.data.classes.length)
})
