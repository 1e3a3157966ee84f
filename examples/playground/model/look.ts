// The picture that is looked at, and what every layer of the network makes of it, again and again while it trains.

import { effect, signal } from '@preact/signals'
import { calm } from '../draw/theme'
import { type Dataset, row, sizeOf } from '../data/dataset'
import { type Run, type Weights, nextFrame } from './run'
import { current, tab } from './store'
import { complain } from './watching'

export interface Picture {
  readonly raw: ArrayLike<number>
  /** What it shows, where that is known. */
  readonly label?: number
  /** Its number among the examples that the network never sees. */
  readonly index?: number
}

export interface SeenLayer {
  readonly path: string
  readonly kind: string
  readonly activations: { readonly shape: readonly number[]; readonly data: Float32Array }
  readonly gradients?: { readonly shape: readonly number[]; readonly data: Float32Array }
}

export interface Look {
  readonly run: Run
  readonly step: number
  readonly layers: readonly SeenLayer[]
  readonly weights: Weights
  readonly probabilities: readonly number[]
}

export const picture = signal<Picture | undefined>(undefined)
export const look = signal<Look | undefined>(undefined)

const PAUSE = calm ? 500 : 110

export function showExample(run: Run, index: number): void {
  const { test, input } = run.data
  const i = ((index % test.y.length) + test.y.length) % test.y.length
  picture.value = { raw: row(test, i, sizeOf(input)), label: test.y[i], index: i }
}

export function softmax(scores: ArrayLike<number>): number[] {
  const most = Math.max(...Array.from(scores))
  const powers = Array.from(scores, (v) => Math.exp(v - most))
  const sum = powers.reduce((a, b) => a + b, 0)
  return powers.map((v) => v / sum)
}

async function lookOnce(run: Run, { raw }: Picture): Promise<void> {
  if (raw.length !== sizeOf(run.data.input) || !run.model) return
  const { step, model } = run
  const x = run.batches.scaled(raw)
  const [inside, weights] = await Promise.all([model.lookInside(x), model.parameters])
  if (current.value !== run) return
  const layers = inside.layers as readonly SeenLayer[]
  const probabilities = softmax(layers.at(-1)!.activations.data)
  look.value = { run, step, layers, weights: weights as Weights, probabilities }
}

/** Looks as long as somebody watches. */
export function keepLooking(): () => void {
  let ended = false
  let seen: { run: Run; version: number; picture: Picture } | undefined
  let shown: Dataset | undefined
  const stop = effect(() => {
    const run = current.value
    // A picture of other data may fit as well, and says nothing here.
    if (!run || run.data === shown) return
    shown = run.data
    showExample(run, run.data.name === 'mnist' ? 7 : 0)
  })
  const loop = async () => {
    while (!ended) {
      const run = current.value
      const now = picture.value
      const watched = (tab.value === 'watch' || tab.value === 'inside') && !document.hidden
      const version = run?.version.value ?? 0
      const isNew = seen?.run !== run || seen?.version !== version || seen?.picture !== now
      if (run?.status.value !== 'failed' && run?.model && now && watched && isNew) {
        seen = { run, version, picture: now }
        await lookOnce(run, now).catch((error: unknown) => complain(run, error))
      }
      await nextFrame()
      await new Promise((resolve) => setTimeout(resolve, seen?.picture === picture.value ? PAUSE : 0))
    }
  }
  void loop()
  return () => {
    ended = true
    stop()
  }
}
