// node examples/optimizers.js [file]: the way of each optimizer down a ravine and off a saddle, as a picture.
//
//     loss after 40 steps    ravine    saddle
//     sgd                      0.10179  -0.34874
//     momentum                 0.00158  -1.15940
//     nesterov                 0.00003  -1.24564
//     adagrad                  0.00331  -1.24868
//     rmsprop                  0.00000  -1.25000
//     adam                     0.06488  -1.21769
//     lbfgs                    0.00000  -1.25000
//     runs/optimizers.svg

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { adagrad, adam, createModel, dense, lbfgs, momentum, nesterov, rmsprop, sgd } from 'v128'
import { drawPlots } from './chart.js'

const STEPS = 40

/**
 * A surface, its gradient, where the ways begin, and the learning rates that suit it.
 *
 * @typedef {object} Place
 * @property {(x: number, y: number) => number} f
 * @property {(x: number, y: number) => [number, number]} gradient
 * @property {[number, number]} start
 * @property {Record<string, number>} rates
 */

/** @type {Place} */
const ravine = {
  f: (x, y) => 0.05 * x ** 2 + 2 * y ** 2,
  gradient: (x, y) => [0.1 * x, 4 * y],
  start: [-9, 1.6],
  rates: { sgd: 0.45, momentum: 0.06, nesterov: 0.06, adagrad: 1.5, rmsprop: 0.25, adam: 0.4 },
}

/** @type {Place} */
const saddle = {
  f: (x, y) => 0.5 * x ** 2 - 0.5 * y ** 2 + 0.05 * y ** 4,
  gradient: (x, y) => [x, -y + 0.2 * y ** 3],
  start: [-1.8, 0.01],
  rates: { sgd: 0.12, momentum: 0.05, nesterov: 0.05, adagrad: 0.3, rmsprop: 0.08, adam: 0.12 },
}

const optimizers = {
  sgd,
  momentum,
  nesterov,
  adagrad,
  rmsprop,
  adam,
  // An iteration a step, so that all of them are seen.
  lbfgs: () => lbfgs({ iterations: 1 }),
}

/**
 * The two coordinates are the weights of a model, and the gradient is written where a backward pass would leave it.
 *
 * @param {string} name
 * @param {Place} place
 */
async function walk(name, { f, gradient, start, rates }) {
  const optimizer = optimizers[/** @type {keyof typeof optimizers} */ (name)]({ learningRate: rates[name] })
  const model = await createModel(dense(1, { bias: false }), { input: [2], batch: 1, optimizer })
  const { data: at } = model.parameters.weight
  at.set(start)
  const dots = [{ x: at[0], y: at[1] }]
  for (let step = 0; step < STEPS; step++) {
    model.step(() => {
      model.gradients.weight.data.set(gradient(at[0], at[1]))
      return f(at[0], at[1])
    })
    dots.push({ x: at[0], y: at[1] })
  }
  return { name, dots, steps: true }
}

/** @param {Place} place */
const walks = (place) => Promise.all(Object.keys(optimizers).map((name) => walk(name, place)))

const [down, off] = await Promise.all([walks(ravine), walks(saddle)])
console.log(`loss after ${STEPS} steps    ravine    saddle`)
for (const [i, { name }] of down.entries()) {
  const end = (/** @type {Place} */ { f }, /** @type {typeof off} */ ways) =>
    f(ways[i].dots[STEPS].x, ways[i].dots[STEPS].y)
  console.log(name.padEnd(22) + [end(ravine, down), end(saddle, off)].map((f) => f.toFixed(5).padStart(10)).join(''))
}

const file = process.argv[2] ?? 'runs/optimizers.svg'
const picture = drawPlots({
  title: 'Seven optimizers on two surfaces',
  subtitle: `${STEPS} steps each, a dot for each step; contours of the loss`,
  plots: [
    {
      title: 'A ravine',
      note: 'x²/20 + 2y²: steep across, flat along',
      x: { label: 'x', low: -10, high: 3 },
      y: { label: 'y', low: -2.1, high: 2.1 },
      lines: down,
      surface: ravine.f,
      marks: [
        { x: ravine.start[0], y: ravine.start[1], label: 'start' },
        { x: 0, y: 0, label: 'minimum', below: true },
      ],
    },
    {
      title: 'A saddle',
      note: 'x²/2 − y²/2 + y⁴/20: flat at (0, 0)',
      x: { label: 'x', low: -2.1, high: 1.1 },
      y: { label: 'y', low: -1, high: 3 },
      lines: off,
      surface: saddle.f,
      marks: [
        { x: saddle.start[0], y: saddle.start[1], label: 'start', below: true },
        { x: 0, y: 0, label: 'saddle', below: true },
        { x: 0, y: Math.sqrt(5), label: 'minimum' },
      ],
    },
  ],
})
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, picture)
console.log(file)
