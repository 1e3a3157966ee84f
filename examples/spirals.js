// node examples/spirals.js [file]: the README's example as a picture: what the network thinks of each point of the plane.
//
//     epoch   0  accuracy 27.7 %
//     epoch   2  accuracy 53.7 %
//     epoch  10  accuracy 98.7 %
//     epoch 100  accuracy 99.3 %
//     runs/spirals.svg

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  adam,
  cosineDecay,
  createModel,
  createRandom,
  dense,
  ensemble,
  relu,
  sequential,
  softmaxCrossEntropy,
} from 'v128'
import { COLOR, frame, text } from '#svg'
import { encodePng } from './png.js'

const PANELS = [0, 2, 10, 100]
/** Of a panel: its side and the gap beside it in pixels of the picture, its pixels along a side, what it shows. */
const [SIDE, GAP, PIXELS, RANGE] = [244, 16, 81, 1.15]
const CLASSES = [
  [43, 108, 176],
  [221, 107, 32],
  [47, 133, 90],
]

const random = createRandom(1)
const x = new Float64Array(600)
const y = new Uint8Array(300)
for (let i = 0; i < 300; i++) {
  const label = Math.floor(i / 100)
  const radius = (i % 100) / 100
  const angle = 4 * (label + radius) + 0.2 * random.normal()
  x.set([radius * Math.sin(angle), radius * Math.cos(angle)], 2 * i)
  y[i] = label
}
const model = await createModel(sequential(dense(64), relu(), dense(64), relu(), dense(3)), {
  input: [2],
  batch: 50,
  loss: softmaxCrossEntropy(),
  optimizer: adam({ learningRate: cosineDecay({ initial: 0.01 }) }),
  seed: 1,
})

const width = 64 + PANELS.length * (SIDE + GAP) - GAP
const out = [
  frame(
    width,
    SIDE + 136,
    'Three spirals, learnt in a hundred epochs',
    'two layers of 64 ReLUs; colours are classes, and deep where the network is sure; the dots are what it learns from',
  ),
]
draw(0)
await model.fit({ x, y }, { epochs: 100, onEpoch: ({ epoch }) => void (PANELS.includes(epoch + 1) && draw(epoch + 1)) })

const file = process.argv[2] ?? 'runs/spirals.svg'
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${out.join('')}</svg>\n`)
console.log(file)

/** Adds a panel: the plane as the model sees it after so many epochs, and the data. @param {number} epoch */
function draw(epoch) {
  const left = 32 + PANELS.indexOf(epoch) * (SIDE + GAP)
  const top = 116
  const accuracy = `${(100 * model.evaluate({ x, y }).accuracy).toFixed(1)} %`
  console.log(`epoch ${String(epoch).padStart(3)}  accuracy ${accuracy}`)
  out.push(text(left, top - 12, epoch ? `epoch ${epoch}` : 'at the start', { fill: COLOR.ink, 'font-weight': 600 }))
  out.push(text(left + SIDE, top - 12, accuracy, { fill: COLOR.muted, 'text-anchor': 'end' }))
  const png = encodePng(plane(), PIXELS, PIXELS).toString('base64')
  out.push(`<image x="${left}" y="${top}" width="${SIDE}" height="${SIDE}" href="data:image/png;base64,${png}"/>\n`)
  const at = (/** @type {number} */ value) => (((value + RANGE) / (2 * RANGE)) * SIDE).toFixed(1)
  for (const [label, color] of CLASSES.entries()) {
    out.push(`<g transform="translate(${left} ${top})" fill="rgb(${color})" stroke="#fff" stroke-width="1.5">\n`)
    for (let i = 0; i < 300; i++) {
      if (y[i] === label) out.push(`<circle cx="${at(x[2 * i])}" cy="${at(-x[2 * i + 1])}" r="3"/>\n`)
    }
    out.push('</g>\n')
  }
}

/** Planes of red, green and blue: white, the more of a class's colour the more probable it is beyond a mere guess. */
function plane() {
  const points = Float64Array.from({ length: 2 * PIXELS ** 2 }, (_, i) => {
    const pixel = i % 2 ? PIXELS - 1 - Math.floor(i / 2 / PIXELS) : (i / 2) % PIXELS
    return RANGE * ((2 * pixel + 1) / PIXELS - 1)
  })
  const { data: probabilities } = ensemble([model]).predict(points)
  const planes = new Float64Array(3 * PIXELS ** 2)
  for (let i = 0; i < PIXELS ** 2; i++) {
    const three = Array.from(probabilities.subarray(3 * i, 3 * i + 3))
    const best = three.indexOf(Math.max(...three))
    const depth = 0.15 + 0.5 * ((three[best] - 1 / 3) / (2 / 3))
    for (const [c, value] of CLASSES[best].entries()) planes[c * PIXELS ** 2 + i] = 255 + depth * (value - 255)
  }
  return planes
}
