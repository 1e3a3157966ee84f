// node examples/augmentation.js [file.svg]: draws each augmentation on a picture and on digits of MNIST.
//
//     runs/augmentation.svg: 12 rows of 8 images, the first of each as it was; seed 1
//     64 images of 3 x 48 x 48 with all six augmentations: 29.7 ms

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { augment, colorJitter, cutout, horizontalFlip, randomCrop, randomRotation, randomScale } from 'v128/data'
import { drawImages } from './chart.js'
import { loadMnist } from './mnist-data.js'
import { encodePng } from './png.js'

const COLUMNS = 8
const SEED = 1
const file = process.argv[2] ?? 'runs/augmentation.svg'

const jitter = { brightness: 0.4, contrast: 0.4, saturation: 0.6, hue: 0.15 }
const onPicture = {
  'horizontalFlip()': [horizontalFlip()],
  'randomCrop({ pad: 8 })': [randomCrop({ pad: 8 })],
  'randomScale({ scale: [0.7, 1.4] })': [randomScale({ scale: [0.7, 1.4] })],
  'randomRotation({ degrees: 30 })': [randomRotation({ degrees: 30 })],
  'colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.6, hue: 0.15 })': [colorJitter(jitter)],
  'cutout({ size: 16, fill: 127.5 })': [cutout({ size: 16, fill: 127.5 })],
  'all of them': [
    randomRotation({ degrees: 30, fill: 127.5 }),
    randomScale({ scale: [0.7, 1.4], fill: 127.5 }),
    randomCrop({ pad: 8, fill: 127.5 }),
    horizontalFlip(),
    colorJitter(jitter),
    cutout({ size: 16, fill: 127.5 }),
  ],
}
const onDigits = {
  'randomCrop({ pad: 4 })': [randomCrop({ pad: 4 })],
  'randomScale({ scale: [0.7, 1.3] })': [randomScale({ scale: [0.7, 1.3] })],
  'randomRotation({ degrees: 25 })': [randomRotation({ degrees: 25 })],
  'colorJitter({ brightness: 0.5, contrast: 0.5 })': [colorJitter({ brightness: 0.5, contrast: 0.5 })],
  'cutout({ size: 10, fill: 127.5 })': [cutout({ size: 10, fill: 127.5 })],
}

const picture = drawPicture(48)
const digits = loadMnist('train', Object.keys(onDigits).length).x
const rows = [
  ...Object.entries(onPicture).map(([label, list]) => drawRow(label, list, picture, [3, 48, 48])),
  ...Object.entries(onDigits).map(([label, list], i) =>
    drawRow(label, list, digits.subarray(784 * i, 784 * (i + 1)), [1, 28, 28]),
  ),
]
mkdirSync(dirname(file), { recursive: true })
writeFileSync(
  file,
  drawImages({
    title: 'Augmentation',
    subtitle: 'each image as it is, then seven times with its own random draws',
    rows,
  }),
)
console.log(`${file}: ${rows.length} rows of ${COLUMNS} images, the first of each as it was; seed ${SEED}`)
console.log(`64 images of 3 x 48 x 48 with all six augmentations: ${timeOfBatch().toFixed(1)} ms`)

/**
 * @param {string} label
 * @param {import('v128/data').Augmentation[]} list
 * @param {ArrayLike<number>} image
 * @param {number[]} shape
 */
function drawRow(label, list, image, shape) {
  const [channels, height, width] = shape
  const input = { shape: [COLUMNS, ...shape], data: new Float64Array(COLUMNS * image.length) }
  for (let i = 0; i < input.data.length; i++) input.data[i] = image[i % image.length]
  augment(list, { seed: SEED })(input, COLUMNS)
  input.data.set(image)
  // Side by side, white between them: (N, C, H, W) to (C, H, N (W + gap) - gap).
  const gap = Math.round(width / 12)
  const length = COLUMNS * (width + gap) - gap
  const strip = new Float64Array(channels * height * length).fill(255)
  for (let i = 0, from = 0; i < COLUMNS; i++) {
    for (let row = 0; row < channels * height; row++) {
      for (let x = 0; x < width; x++, from++) strip[row * length + i * (width + gap) + x] = input.data[from]
    }
  }
  return { label, length: length / height, png: encodePng(strip, length, height) }
}

/** The shortest of some batches, in milliseconds. */
function timeOfBatch() {
  const transform = augment(onPicture['all of them'], { seed: SEED })
  const input = { shape: [64, 3, 48, 48], data: new Float64Array(64 * picture.length) }
  let best = Infinity
  for (let repeat = 0; repeat < 30; repeat++) {
    for (let i = 0; i < 64; i++) input.data.set(picture, i * picture.length)
    const start = performance.now()
    transform(input, 64)
    best = Math.min(best, performance.now() - start)
  }
  return best
}

/**
 * A house by a tree under the sun: three planes of red, green and blue, size x size, from 0 to 255.
 *
 * @param {number} size
 */
function drawPicture(size) {
  const planes = new Float64Array(3 * size * size)
  for (let i = 0; i < size * size; i++) {
    const x = (i % size) / (size - 1)
    const y = Math.floor(i / size) / (size - 1)
    let color = [120 + 90 * y, 180 + 50 * y, 240]
    if ((x - 0.8) ** 2 + (y - 0.2) ** 2 < 0.015) color = [255, 214, 64]
    if (y > 0.72 + 0.05 * (2 * x - 1) ** 2) color = [92, 158, 78]
    if (Math.abs(x - 0.78) < 0.025 && y > 0.6 && y < 0.84) color = [110, 74, 48]
    if ((x - 0.78) ** 2 + (y - 0.54) ** 2 < 0.014) color = [44, 116, 62]
    if (x > 0.16 && x < 0.54 && y > 0.5 && y < 0.84) color = [236, 224, 200]
    if (y > 0.3 && y <= 0.5 && Math.abs(x - 0.35) < 1.2 * (y - 0.3)) color = [184, 64, 52]
    if (x > 0.22 && x < 0.32 && y > 0.57 && y < 0.68) color = [84, 132, 188]
    if (x > 0.39 && x < 0.48 && y > 0.62 && y < 0.84) color = [120, 72, 44]
    for (let c = 0; c < 3; c++) planes[c * size * size + i] = color[c]
  }
  return planes
}
