// Points of the plane in two or three classes. Coordinates are rounded, for sine and cosine differ in their last bit from
// browser to browser, and the same link must give the same weights everywhere.

import { createRandom } from 'v128'
import type { Dataset } from './dataset'

type Place = (i: number, of: number, label: number, noise: () => number) => readonly [x: number, y: number]

const SHAPES: Record<string, { title: string; classes: number; place: Place }> = {
  spirals: {
    title: 'Spirals',
    classes: 3,
    place(i, of, label, noise) {
      const radius = i / of
      const angle = 4 * (label + radius) + 0.2 * noise()
      return [radius * Math.sin(angle), radius * Math.cos(angle)]
    },
  },
  circles: {
    title: 'Circles',
    classes: 2,
    place(i, of, label, noise) {
      const radius = (label ? 0.85 : 0.35) + 0.07 * noise()
      const angle = (2 * Math.PI * i) / of
      return [radius * Math.sin(angle), radius * Math.cos(angle)]
    },
  },
  moons: {
    title: 'Moons',
    classes: 2,
    place(i, of, label, noise) {
      const angle = (Math.PI * i) / of
      const [x, y] = label
        ? [0.5 - Math.cos(angle) * 0.6, 0.15 - Math.sin(angle) * 0.6]
        : [Math.cos(angle), Math.sin(angle)]
      return label
        ? [x - 0.2 + 0.06 * noise(), y + 0.06 * noise()]
        : [x * 0.6 - 0.3 + 0.06 * noise(), y * 0.6 - 0.15 + 0.06 * noise()]
    },
  },
}

export const POINT_SETS = Object.entries(SHAPES).map(([name, { title, classes }]) => ({ name, title, classes }))

export function points(name: string): Dataset {
  const { title, classes, place } = SHAPES[name]
  const make = (each: number, seed: number) => {
    const random = createRandom(seed, 5)
    const x = new Float32Array(2 * each * classes)
    const y = new Uint8Array(each * classes)
    const noise = () => random.normal()
    for (let i = 0; i < y.length; i++) {
      const label = Math.floor(i / each)
      const at = place(i % each, each, label, noise)
      x.set(
        at.map((v) => Math.round(v * 1e5) / 1e5),
        2 * i,
      )
      y[i] = label
    }
    return { x, y }
  }
  const names = ['blue', 'orange', 'green'].slice(0, classes)
  return { name, title, input: [2], classes: names, train: make(120, 11), test: make(60, 12) }
}
