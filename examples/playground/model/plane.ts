// What a network says of every point of the plane, again and again while it trains.

import { signal } from '@preact/signals'
import { type Dataset, isPlane } from '../data/dataset'
import { calm } from '../draw/theme'
import { softmax } from './look'
import type { Run } from './run'
import { current, tab } from './store'
import { keepComputing } from './watching'

/** Points on a side of the grid. */
export const GRID = 60

/** How far the plane goes, so that all examples are on it. */
export function reachOf({ train, test }: Dataset): number {
  let reach = 1.25
  for (const { x } of [train, test]) for (const v of x) reach = Math.max(reach, 1.05 * Math.abs(v))
  return reach
}

export interface Plane {
  readonly run: Run
  /** For each point of the grid the most likely class, and how sure the network is. */
  readonly best: Uint8Array
  readonly sure: Float32Array
}

export const plane = signal<Plane | undefined>(undefined)

function gridOf(reach: number): Float32Array {
  const at = (i: number) => ((i + 0.5) / GRID) * 2 * reach - reach
  return Float32Array.from({ length: 2 * GRID * GRID }, (_, i) => {
    const point = i >> 1
    return i % 2 ? -at(Math.floor(point / GRID)) : at(point % GRID)
  })
}

async function survey(run: Run): Promise<void> {
  const classes = run.data.classes.length
  const { data } = await run.model!.predict(run.batches.scaled(gridOf(reachOf(run.data))), { transfer: true })
  const best = new Uint8Array(GRID * GRID)
  const sure = new Float32Array(GRID * GRID)
  for (let i = 0; i < best.length; i++) {
    const shares = softmax(data.subarray(i * classes, (i + 1) * classes))
    best[i] = shares.indexOf(Math.max(...shares))
    sure[i] = shares[best[i]]
  }
  if (current.value === run) plane.value = { run, best, sure }
}

/** Surveys as long as somebody watches. */
export const keepSurveying = () =>
  keepComputing({
    isWanted: (run) => isPlane(run.data) && tab.value === 'watch',
    compute: survey,
    pause: () => (calm ? 600 : 130),
  })
