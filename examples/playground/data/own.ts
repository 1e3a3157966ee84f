// Pictures of one's own, in classes: small squares of bytes, red, green and blue one after the other.

import { createRandom } from 'v128'
import { signal } from '@preact/signals'
import type { Dataset } from './dataset'
import { split } from './table'

export const SIDE = 32

export interface OwnClass {
  readonly name: string
  readonly pictures: readonly Uint8Array[]
}

export const ownClasses = signal<readonly OwnClass[]>([
  { name: 'One', pictures: [] },
  { name: 'Other', pictures: [] },
])

/** Fewer would leave none to test. */
export const LEAST = 5
let versions = 0

/** The middle of a picture or of a film, as bytes of three planes. */
export function pixelsOf(source: CanvasImageSource, width: number, height: number): Uint8Array {
  const canvas = document.createElement('canvas')
  Object.assign(canvas, { width: SIDE, height: SIDE })
  const context = canvas.getContext('2d', { willReadFrequently: true })!
  const side = Math.min(width, height)
  context.imageSmoothingQuality = 'high'
  context.drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE)
  const { data } = context.getImageData(0, 0, SIDE, SIDE)
  return Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const plane = Math.floor(i / (SIDE * SIDE))
    return data[4 * (i % (SIDE * SIDE)) + plane]
  })
}

export function addPictures(place: number, pictures: readonly Uint8Array[]): void {
  ownClasses.value = ownClasses.value.map((one, i) =>
    i === place ? { ...one, pictures: [...one.pictures, ...pictures] } : one,
  )
}

/** What stands in the way of training; '' where nothing does. */
export function problemOfOwn(): string {
  const classes = ownClasses.value
  const poor = classes.find(({ pictures }) => pictures.length < LEAST)
  if (poor) return `“${poor.name}” has ${poor.pictures.length} pictures, and needs ${LEAST} at least.`
  return new Set(classes.map(({ name }) => name)).size < classes.length ? 'Two classes have the same name.' : ''
}

export function ownDataset(): Dataset {
  const classes = ownClasses.value
  const all = classes.flatMap(({ pictures }, label) => pictures.map((pixels) => ({ pixels, label })))
  const x = new Uint8Array(all.length * 3 * SIDE * SIDE)
  all.forEach(({ pixels }, i) => x.set(pixels, i * pixels.length))
  const y = Uint8Array.from(all, ({ label }) => label)
  const order = createRandom(1, 6).shuffle(Uint32Array.from({ length: all.length }, (_, i) => i))
  const head = {
    name: `own:${++versions}`,
    title: 'Your pictures',
    input: [3, SIDE, SIDE],
    classes: classes.map(({ name }) => name),
  }
  return split(head, x, y, order)
}
