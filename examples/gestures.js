// node examples/gestures.js [file]: gestures of a hand that holds an accelerometer, as a micro:bit is. Windows of two
// seconds of x, y and z, 25 a second, are told apart by two 1-D convolutions. No package ships such recordings under a free
// licence, so people are drawn by lot here, each with an own way to hold the board, strength and pace; those of the test
// are other people than those of the training.
//
//     1440 windows of 20 people to learn from, 720 of 10 others
//     epoch  1  loss 1.431  of the others' windows 63.5 % right
//     epoch  4  loss 0.456  of the others' windows 85.7 % right
//     epoch  8  loss 0.233  of the others' windows 96.8 % right
//     epoch 12  loss 0.189  of the others' windows 98.6 % right
//     answers by gesture:
//                still    walk   shake  circle    wave     tap
//     still        119       1       0       0       0       0
//     walk           9     111       0       0       0       0
//     shake          0       0     120       0       0       0
//     circle         0       0       0     120       0       0
//     wave           0       0       0       0     120       0
//     tap            0       0       0       0       0     120
//     runs/gestures.svg

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  adam,
  conv1d,
  cosineDecay,
  createModel,
  createRandom,
  dense,
  maxPool1d,
  mean,
  relu,
  sequential,
  softmaxCrossEntropy,
} from 'v128'
import { drawPlots } from './chart.js'

/** Samples of a window, and a second's. */
const [TIME, HERTZ] = [50, 25]
/** Of each gesture and person. */
const WINDOWS = 12
const EPOCHS = 12
const GESTURES = ['still', 'walk', 'shake', 'circle', 'wave', 'tap']

const file = process.argv[2] ?? 'runs/gestures.svg'
const random = createRandom(1)
const uniform = (/** @type {number} */ low, /** @type {number} */ high) => low + (high - low) * random.uniform()

const training = recordings(20)
const test = recordings(10)
const model = await createModel(
  sequential(
    conv1d(16, { kernel: 5, pad: 'same' }),
    relu(),
    maxPool1d(2),
    conv1d(32, { kernel: 5, pad: 'same' }),
    relu(),
    mean({ axis: 1 }),
    dense(GESTURES.length),
  ),
  {
    input: [3, TIME],
    batch: 32,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: cosineDecay({ initial: 3e-3 }) }),
    seed: 1,
  },
)
console.log(`${training.y.length} windows of 20 people to learn from, ${test.y.length} of 10 others`)
await model.fit(training, {
  epochs: EPOCHS,
  validation: test,
  onEpoch: ({ epoch, loss, validationAccuracy = NaN }) => {
    if (epoch && (epoch + 1) % 4) return
    const line = `epoch ${String(epoch + 1).padStart(2)}  loss ${loss.toFixed(3)}`
    console.log(`${line}  of the others' windows ${(100 * validationAccuracy).toFixed(1)} % right`)
  },
})
console.log('answers by gesture:')
const { confusion = [] } = model.evaluate(test, { confusion: true })
console.log(`${''.padEnd(8)}${GESTURES.map((name) => name.padStart(8)).join('')}`)
for (const [i, row] of confusion.entries()) {
  console.log(GESTURES[i].padEnd(8) + Array.from(row, (count) => String(count).padStart(8)).join(''))
}

mkdirSync(dirname(file), { recursive: true })
const shown = ['shake', 'circle']
writeFileSync(
  file,
  drawPlots({
    title: 'What an accelerometer says of a gesture',
    subtitle: 'two seconds of two of the six gestures, in g; the board feels the weight of the earth as well',
    plots: shown.map((name) => ({
      title: name,
      note: 'one window of the test',
      x: { low: 0, high: TIME / HERTZ, label: 'seconds' },
      y: { low: -4, high: 4, label: 'g' },
      lines: ['x', 'y', 'z'].map((axis, c) => ({
        name: axis,
        dots: Array.from({ length: TIME }, (_, t) => ({
          x: t / HERTZ,
          y: test.x[(3 * test.y.indexOf(GESTURES.indexOf(name)) + c) * TIME + t],
        })),
      })),
    })),
  }),
)
console.log(file)

/** Windows of so many people, three axes of TIME values each, in g, and the gesture of each. @param {number} people */
function recordings(people) {
  const y = new Uint8Array(people * GESTURES.length * WINDOWS)
  const x = new Float64Array(3 * TIME * y.length)
  let row = 0
  for (let person = 0; person < people; person++) {
    const way = {
      strength: uniform(0.6, 1.4),
      pace: uniform(0.8, 1.25),
      tilt: uniform(-0.6, 0.6),
      roll: uniform(-0.6, 0.6),
    }
    for (const [gesture, name] of GESTURES.entries()) {
      for (let i = 0; i < WINDOWS; i++) {
        x.set(record(name, way), 3 * TIME * row)
        y[row++] = gesture
      }
    }
  }
  return { x, y }
}

/**
 * One window: what the hand does, in the axes of the hand, and gravity, turned as the person holds the board, with noise.
 *
 * @param {string} name
 * @param {{ strength: number, pace: number, tilt: number, roll: number }} way
 */
function record(name, { strength, pace, tilt, roll }) {
  const [a, b] = [tilt + uniform(-0.2, 0.2), roll + uniform(-0.2, 0.2)]
  const [force, speed, phase] = [strength * uniform(0.8, 1.2), pace * uniform(0.9, 1.1), uniform(0, 2 * Math.PI)]
  const hit = uniform(0.2, 0.8)
  const window = new Float64Array(3 * TIME)
  for (let t = 0; t < TIME; t++) {
    const seconds = t / HERTZ
    const wave = (/** @type {number} */ hertz, shift = 0) =>
      Math.sin(2 * Math.PI * hertz * speed * seconds + phase + shift)
    /** A blow that dies away. */
    const blow = (/** @type {number} */ at) =>
      seconds < at ? 0 : Math.exp(-12 * (seconds - at)) * Math.cos(60 * (seconds - at))
    const moved = {
      still: () => [0, 0, 0],
      walk: () => [0.15 * wave(1), 0.1 * wave(1, 1), 0.35 * Math.abs(wave(1)) + 0.1 * wave(4)],
      shake: () => [1.8 * wave(5), 0.4 * wave(5, 1), 0.3 * wave(10)],
      circle: () => [1.1 * wave(1.5), 1.1 * wave(1.5, Math.PI / 2), 0.1 * wave(3)],
      wave: () => [1.3 * wave(1.5), 0.2 * wave(3), 0.2 * wave(3, 1)],
      tap: () => [0.2 * blow(hit), 0.2 * blow(hit + 0.5), 2 * blow(hit) + 2 * blow(hit + 0.5)],
    }[name]
    const [u, v, w] = (moved?.() ?? []).map((value) => value * force)
    const down = w + 1
    // Turned by the tilt about y, then by the roll about x.
    const [x1, z1] = [u * Math.cos(a) + down * Math.sin(a), down * Math.cos(a) - u * Math.sin(a)]
    const turned = [x1, v * Math.cos(b) - z1 * Math.sin(b), v * Math.sin(b) + z1 * Math.cos(b)]
    for (let c = 0; c < 3; c++) window[c * TIME + t] = turned[c] + 0.05 * random.normal()
  }
  return window
}
