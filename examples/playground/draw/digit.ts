// From strokes, files and cameras to pictures like those of MNIST: light ink on nothing, 20 pixels high, about its centre
// of mass.

const SIDE = 28
const BOX = 20

/** Ink of a square canvas, 0 ... 255 each: what is not transparent, or, of photos, what is dark on light. */
function inkOf({ data }: ImageData, photo: boolean): Float32Array {
  const ink = new Float32Array(data.length / 4)
  for (let i = 0; i < ink.length; i++) {
    const [r, g, b, a] = data.subarray(4 * i, 4 * i + 4)
    ink[i] = photo ? 255 - (0.3 * r + 0.59 * g + 0.11 * b) : a
  }
  if (!photo) return ink
  // Light digits on dark stay as they are; and paper is never quite white.
  const sorted = Float32Array.from(ink).sort()
  const middle = sorted[sorted.length >> 1]
  if (middle > 128) for (let i = 0; i < ink.length; i++) ink[i] = 255 - ink[i]
  const [low, high] = [
    Math.min(middle, 255 - middle) + 40,
    Float32Array.from(ink).sort()[Math.floor(ink.length * 0.995)],
  ]
  for (let i = 0; i < ink.length; i++)
    ink[i] = Math.max(0, Math.min(255, ((ink[i] - low) / Math.max(30, high - low)) * 255))
  return ink
}

/** The digit on a square canvas; undefined where there is no ink. */
export function digitOf(canvas: HTMLCanvasElement, photo = false): Float32Array | undefined {
  const side = canvas.width
  const ink = inkOf(canvas.getContext('2d')!.getImageData(0, 0, side, side), photo)
  let [left, top, right, bottom] = [side, side, -1, -1]
  for (let i = 0; i < ink.length; i++) {
    if (ink[i] < 40) continue
    const [x, y] = [i % side, Math.floor(i / side)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  if (right < left || bottom < top) return undefined
  const scale = Math.max(right - left + 1, bottom - top + 1) / BOX
  const sample = (cx: number, cy: number) => {
    const digit = new Float32Array(SIDE * SIDE)
    for (let i = 0; i < digit.length; i++) {
      const x = cx + ((i % SIDE) + 0.5 - SIDE / 2) * scale
      const y = cy + (Math.floor(i / SIDE) + 0.5 - SIDE / 2) * scale
      digit[i] = mean(ink, side, x, y, scale)
    }
    return digit
  }
  const rough = sample((left + right + 1) / 2, (top + bottom + 1) / 2)
  let [mass, mx, my] = [0, 0, 0]
  rough.forEach((v, i) => {
    mass += v
    mx += v * ((i % SIDE) + 0.5 - SIDE / 2)
    my += v * (Math.floor(i / SIDE) + 0.5 - SIDE / 2)
  })
  if (!mass) return undefined
  const [dx, dy] = [(mx / mass) * scale, (my / mass) * scale]
  return sample((left + right + 1) / 2 + dx, (top + bottom + 1) / 2 + dy)
}

/** Mean over a square of that side about a point. */
function mean(ink: Float32Array, side: number, x: number, y: number, size: number): number {
  const [x0, x1] = [Math.round(x - size / 2), Math.max(Math.round(x + size / 2), Math.round(x - size / 2) + 1)]
  const [y0, y1] = [Math.round(y - size / 2), Math.max(Math.round(y + size / 2), Math.round(y - size / 2) + 1)]
  let sum = 0
  for (let row = Math.max(0, y0); row < Math.min(side, y1); row++) {
    for (let column = Math.max(0, x0); column < Math.min(side, x1); column++) sum += ink[row * side + column]
  }
  return sum / ((x1 - x0) * (y1 - y0))
}
