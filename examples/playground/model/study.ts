// What is inside the chosen layer: looked at a few times a second, and only while somebody looks.

import { signal } from '@preact/signals'
import { calm } from '../draw/theme'
import { sizeOf } from '../data/dataset'
import { chosenLayer } from './chosen'
import { type SeenLayer, picture } from './look'
import type { Run, Weights } from './run'
import { current, tab } from './store'
import { keepComputing } from './watching'

export interface Histogram {
  readonly low: number
  readonly high: number
  readonly counts: readonly number[]
}

export interface Moments {
  readonly mean: number
  readonly std: number
  readonly histogram?: Histogram
}

export interface LayerStatistics {
  readonly path: string
  readonly kind: string
  readonly shape: readonly number[]
  readonly activations: Moments
  readonly gradients?: Moments
  readonly dead?: number
  readonly saturated?: number
}

export interface Study {
  readonly run: Run
  readonly step: number
  /** Of every layer, on the batch that comes next. */
  readonly statistics: readonly LayerStatistics[]
  readonly weights: Weights
  readonly buffers: Weights
  /** Of the loss on that batch. */
  readonly gradients: Weights
  /** The chosen layer on the picture that is looked at, with gradients if the picture has a label. */
  readonly seen: SeenLayer | undefined
  /** By parameter: the norm of one update by that of the weights. */
  readonly ratios: Readonly<Record<string, number>>
}

export const study = signal<Study | undefined>(undefined)

const PAUSE = calm ? 1000 : 350
const BINS = 41

function norm(data: Float32Array, other?: Float32Array): number {
  let sum = 0
  for (let i = 0; i < data.length; i++) sum += (data[i] - (other?.[i] ?? 0)) ** 2
  return Math.sqrt(sum)
}

function ratiosOf({ weighed }: Run): Record<string, number> {
  if (!weighed) return {}
  const { before, after } = weighed
  const all = Object.keys(before).map((name) => {
    const size = norm(before[name].data)
    return [name, size ? norm(after[name].data, before[name].data) / size : NaN]
  })
  return Object.fromEntries(all) as Record<string, number>
}

async function studyOnce(run: Run): Promise<void> {
  const { model, step } = run
  if (!model) return
  const { x, y } = run.batches.at(step)
  const shown = picture.value
  const path = chosenLayer.value
  const fits = shown && shown.raw.length === sizeOf(run.data.input)
  const one = fits ? run.batches.scaled(shown.raw) : undefined
  const label = shown?.label === undefined ? undefined : Uint8Array.of(shown.label)
  run.wantsWeighing = true
  const [statistics, inside, seen, weights, buffers] = await Promise.all([
    model.activationStatistics(x, y, { bins: BINS }),
    model.lookInside(x, y, { layers: [] }),
    one && model.lookInside(one, label, { layers: [path] }).catch(() => undefined),
    model.parameters,
    model.buffers,
  ])
  if (current.value !== run) return
  study.value = {
    run,
    step,
    statistics: statistics as readonly LayerStatistics[],
    weights: weights as Weights,
    buffers: buffers as Weights,
    gradients: inside.gradients as Weights,
    seen: seen?.layers[0] as SeenLayer | undefined,
    ratios: ratiosOf(run),
  }
}

/** Studies as long as somebody watches. */
export const keepStudying = () =>
  keepComputing({
    isWanted: (run) => run.status.value !== 'failed' && tab.value === 'inside',
    key: () => [chosenLayer.value, picture.value?.index, picture.value?.raw[400]].join(),
    compute: studyOnce,
    pause: () => PAUSE,
  })
