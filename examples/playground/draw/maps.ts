// Numbers as pictures. Zero is the colour of the paper; what is above it is blue, what is below it orange, so that filters,
// activations and gradients all read the same way.

import { type Palette, type Rgb, palette } from './theme'

const STEPS = 255
const tables = new Map<Palette, Uint32Array>()

/** Colours of -1 ... 1, as a canvas stores them. */
function tableOf(colours: Palette): Uint32Array {
  let table = tables.get(colours)
  if (table) return table
  table = new Uint32Array(2 * STEPS + 1)
  const bytes = new Uint8ClampedArray(table.buffer)
  const { paper, series } = colours
  for (let i = -STEPS; i <= STEPS; i++) {
    // A root, so that small values are seen.
    const share = (Math.abs(i) / STEPS) ** 0.75
    const end: Rgb = series[i < 0 ? 1 : 0]
    const at = 4 * (i + STEPS)
    for (let c = 0; c < 3; c++) bytes[at + c] = paper[c] + share * (end[c] - paper[c])
    bytes[at + 3] = 255
  }
  tables.set(colours, table)
  return table
}

export interface Map2d {
  readonly data: ArrayLike<number>
  readonly offset: number
  readonly height: number
  readonly width: number
}

/** Paints a map of which `most` is the largest absolute value that gets the full colour. */
export function paint(canvas: HTMLCanvasElement, { data, offset, height, width }: Map2d, most: number): void {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
  const context = canvas.getContext('2d')
  if (!context) return
  const image = context.createImageData(width, height)
  const pixels = new Uint32Array(image.data.buffer)
  const table = tableOf(palette.value)
  const times = most > 0 ? STEPS / most : 0
  for (let i = 0; i < pixels.length; i++) {
    const value = Math.max(-STEPS, Math.min(STEPS, Math.round(data[offset + i] * times)))
    pixels[i] = table[(value === value ? value : 0) + STEPS]
  }
  context.putImageData(image, 0, 0)
}

/** Paints bytes as ink on paper. */
export function paintInk(canvas: HTMLCanvasElement, { data, offset, height, width }: Map2d, most = 255): void {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height })
  const context = canvas.getContext('2d')
  if (!context) return
  const image = context.createImageData(width, height)
  const { paper, ink } = palette.value
  for (let i = 0; i < width * height; i++) {
    const share = Math.max(0, Math.min(1, data[offset + i] / most))
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + share * (ink[c] - paper[c])
    image.data[4 * i + 3] = 255
  }
  context.putImageData(image, 0, 0)
}

/** The largest absolute value. */
export function largest(data: ArrayLike<number>, from = 0, to = data.length): number {
  let most = 0
  for (let i = from; i < to; i++) {
    const size = Math.abs(data[i])
    if (size > most) most = size
  }
  return most
}
