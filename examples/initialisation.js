// node examples/initialisation.js [file]: activations and gradients in ten layers of 500 units under each
// initialisation, as a picture. What CS231n shows: too small, and the signal dies away; too large, and it saturates or
// explodes; Xavier's for tanh and He's for ReLU keep it as it is.
//
//     standard deviations of activations (a) and gradients (g)
//     layer                        1         5        10
//     tanh, normal(0.01)        0.21      5e-4      3e-7 a
//                              2e-11      7e-9      1e-5 g
//     tanh, normal(1)           0.98      0.98      0.98 a
//                               0.84      6e-3      1e-5 g
//     tanh, xavier()            0.63      0.32      0.23 a
//                               5e-6      8e-6      1e-5 g
//     relu, normal(0.01)        0.13      8e-5      1e-8 a
//                              8e-13      1e-9      1e-5 g
//     relu, normal(1)             13       8e5      1e12 a
//                                1e6        17      2e-5 g
//     relu, xavier()            0.58      0.14     0.031 a
//                               5e-7      2e-6      1e-5 g
//     relu, he()                0.82      0.82       1.0 a
//                               1e-5      1e-5      1e-5 g
//     runs/initialisation.svg

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  activationStatistics,
  createModel,
  createRandom,
  dense,
  he,
  normal,
  relu,
  sequential,
  softmaxCrossEntropy,
  tanh,
  xavier,
} from 'v128'
import { drawHistograms } from './chart.js'

const LAYERS = 10
const UNITS = 500
const ROWS = 500
const BINS = 44

/** @typedef {[label: string, note: string, activation: () => import('v128').Layer, init: import('v128').Initializer]} Case */
/** @type {Case[]} */
const cases = [
  ['tanh, normal(0.01)', 'vanishes', tanh, normal(0.01)],
  ['tanh, normal(1)', 'saturates', tanh, normal(1)],
  ['tanh, xavier()', 'right', tanh, xavier()],
  ['relu, normal(0.01)', 'vanishes', relu, normal(0.01)],
  ['relu, normal(1)', 'explodes', relu, normal(1)],
  ['relu, xavier()', 'fades away', relu, xavier()],
  ['relu, he()', 'right', relu, he()],
]

// Another seed than that of the models, whose weights would be the same numbers.
const random = createRandom(2)
const x = Float64Array.from({ length: ROWS * UNITS }, () => random.normal())
const y = Uint8Array.from({ length: ROWS }, () => random.integer(10))

/** @param {number} value */
const short = (value) => {
  if (value < 0.01 || value >= 1000) return value.toExponential(0).replace('e+', 'e')
  return value >= 100 ? value.toFixed(0) : value.toPrecision(2)
}

const rows = []
console.log(
  `standard deviations of activations (a) and gradients (g)\n${'layer'.padEnd(20)}${'1'.padStart(10)}${'5'.padStart(10)}${'10'.padStart(10)}`,
)
for (const [label, note, activation, init] of cases) {
  const layers = Array.from({ length: LAYERS }, () => [dense(UNITS, { init }), activation()]).flat()
  const model = await createModel(sequential(...layers, dense(10)), {
    input: [UNITS],
    batch: ROWS,
    loss: softmaxCrossEntropy(),
    seed: 1,
  })
  const kind = activation().kind
  const pick = (/** @type {import('v128').ActivationStatistics[]} */ all) => all.filter((layer) => layer.kind === kind)
  // tanh lies between -1 and 1. Of a ReLU we look as far as the first layer goes.
  const [{ activations: first }] = pick(activationStatistics(model, x))
  /** @type {[number, number]} */
  const range = kind === 'tanh' ? [-1, 1] : [0, first.mean + 4.5 * first.std]
  const found = pick(activationStatistics(model, x, y, { bins: BINS, range }))
  rows.push({
    label,
    note,
    range: `from ${range[0]} to ${Number(range[1].toPrecision(2))}`,
    cells: found.map(({ activations, gradients }, i) => ({
      title: `layer ${i + 1}`,
      counts: activations.histogram?.counts ?? [],
      values: [short(activations.std), short(gradients?.std ?? NaN)],
    })),
  })
  for (const [name, part] of /** @type {const} */ ([
    ['a', 'activations'],
    ['g', 'gradients'],
  ])) {
    const values = [0, 4, 9].map((i) => short(found[i][part]?.std ?? NaN).padStart(10))
    console.log(`${(name === 'a' ? label : '').padEnd(20)}${values.join('')} ${name}`)
  }
}

const file = process.argv[2] ?? 'runs/initialisation.svg'
mkdirSync(dirname(file), { recursive: true })
writeFileSync(
  file,
  drawHistograms({
    title: 'Activations over ten layers',
    subtitle:
      `${ROWS} examples, ${UNITS} units a layer. Below each histogram the standard deviation of the activations (blue) ` +
      'and of the gradients (orange).',
    rows,
  }),
)
console.log(file)
