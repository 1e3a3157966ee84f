// What the page knows: the runs, which of them is looked at, and where the reader is.

import { signal } from '@preact/signals'
import type { Dataset } from '../data/dataset'
import { loadDigits } from '../data/mnist'
import { POINT_SETS, points } from '../data/points'
import { type Checkpoint, type Origin, Run } from './run'
import type { Recipe } from './share'
import { type Setting, firstSetting } from './setting'

export type Tab = 'watch' | 'inside' | 'mistakes' | 'change' | 'rewind' | 'repair' | 'data' | 'race' | 'take'

export const COLOURS = ['var(--blue)', 'var(--orange)', 'var(--green)', 'var(--purple)']
export const MOST_RUNS = 4

export const runs = signal<readonly Run[]>([])
export const current = signal<Run | undefined>(undefined)
export const playing = signal(false)
export const tab = signal<Tab>('watch')
export const trouble = signal('')

// ---- data ----

const known = new Map<string, Promise<Dataset>>()

/** Data that the reader brought along. */
export function addDataset(data: Dataset): void {
  known.set(data.name, Promise.resolve(data))
}

export function datasetOf(name: string): Promise<Dataset> {
  let found = known.get(name)
  if (!found) {
    const isPoints = POINT_SETS.some((one) => one.name === name)
    if (!isPoints && name !== 'mnist') return Promise.reject(new Error(`There are no data named ${name} on this page.`))
    found = isPoints ? Promise.resolve(points(name)) : loadDigits()
    known.set(name, found)
    found.catch(() => known.delete(name))
  }
  return found
}

// ---- runs ----

const backend = new URLSearchParams(globalThis.location?.search).get('backend') === 'js' ? ('js' as const) : undefined

function freeColour(): number {
  const taken = new Set(runs.value.map((run) => run.colour))
  return [0, 1, 2, 3].find((colour) => !taken.has(colour)) ?? 0
}

type RunOptions = Omit<Run['options'], 'threads' | 'backend'>

function makeRun(name: string, colour: number, data: Dataset, setting: Setting, options: RunOptions = {}): Run {
  // A run alone has all cores; several share them.
  const threads = runs.value.length < 2 && globalThis.crossOriginIsolated ? 'auto' : 1
  return new Run(name, colour, data, setting, { threads, ...options, ...(backend && { backend }) })
}

/** Starts over with one run, which trains if one was trained before, unless told. */
export async function begin(setting: Setting, plays?: boolean, options: RunOptions = {}): Promise<Run | undefined> {
  try {
    const data = await datasetOf(setting.data)
    for (const run of runs.value) run.close()
    runs.value = []
    const run = makeRun('Run 1', 0, data, setting, options)
    runs.value = [run]
    current.value = run
    setPlaying(plays ?? playing.value)
    return run
  } catch (error) {
    trouble.value = error instanceof Error ? error.message : String(error)
    return undefined
  }
}

/** The same run from its first weights. */
export const reset = () => replace(current.value?.setting ?? firstSetting())

/** Another setting in place of the run that is looked at. */
export async function replace(setting: Setting): Promise<Run | undefined> {
  const old = current.value
  if (!old || runs.value.length < 2) return begin(setting)
  const data = await datasetOf(setting.data)
  if (data !== old.data) return begin(setting)
  old.close()
  const run = makeRun(old.name.value, old.colour, data, setting)
  runs.value = runs.value.map((one) => (one === old ? run : one))
  current.value = run
  if (playing.value) run.play()
  return run
}

/** Another run beside those that are there, from a checkpoint if one is given. */
export function addRun(setting: Setting, origin?: Origin): Run | undefined {
  const old = current.value
  if (!old || runs.value.length >= MOST_RUNS) return undefined
  const names = new Set(runs.value.map((run) => run.name.value))
  const name = [1, 2, 3, 4].map((i) => `Run ${i}`).find((one) => !names.has(one))!
  const run = makeRun(name, freeColour(), old.data, setting, origin && { origin })
  runs.value = [...runs.value, run]
  current.value = run
  if (playing.value) run.play()
  return run
}

export function removeRun(run: Run): void {
  if (runs.value.length < 2) return
  run.close()
  runs.value = runs.value.filter((one) => one !== run)
  if (current.value === run) current.value = runs.value[0]
}

export function setPlaying(value: boolean): void {
  playing.value = value
  for (const run of runs.value) {
    if (value) run.play()
    else void run.pause()
  }
}

/** So many steps of every run. */
export async function take(steps: (run: Run) => number): Promise<void> {
  playing.value = false
  await Promise.all(runs.value.map((run) => run.take(steps(run))))
}

/** Several runs from the start, on the same data, side by side. */
export async function beginAll(named: readonly (readonly [name: string, setting: Setting])[]): Promise<void> {
  const [[, first], ...others] = named
  await begin(first, true)
  const run = current.value
  if (!run) return
  run.name.value = named[0][0]
  const more = others.map(([name, setting], i) => makeRun(name, i + 1, run.data, setting))
  runs.value = [run, ...more]
  for (const one of more) one.play()
}

/** What a file holds, in place of all that runs. */
export const adopt = ({ setting, events }: Recipe, checkpoint: Checkpoint, isWhole: boolean) =>
  begin(setting, false, { events, checkpoint, isWhole })
