// Twelve broken trainings, each of which babysit names, and three healthy ones, of which it says nothing bad: with several
// networks and seeds.
import { describe, expect, test } from 'vitest'
import {
  type Layer,
  type Loss,
  type Optimizer,
  adam,
  babysit,
  batchNorm,
  constant,
  conv2d,
  createModel,
  createRandom,
  dense,
  flatten,
  meanSquaredError,
  momentum,
  normal,
  relu,
  sequential,
  sigmoid,
  softmax,
  softmaxCrossEntropy,
  zeros,
} from '../src/entries/index'

const ROWS = 600
const FEATURES = 8

/** Three classes around three centres, or, as values, a plane over the features. */
function rows(seed: number, features = FEATURES) {
  const random = createRandom(seed)
  const centres = Array.from({ length: 3 * features }, () => 1.5 * random.normal())
  const x = new Float64Array(ROWS * features)
  const labels = new Uint8Array(ROWS)
  const values = new Float64Array(ROWS)
  for (let row = 0; row < ROWS; row++) {
    labels[row] = random.integer(3)
    for (let j = 0; j < features; j++) {
      const value = (centres[labels[row] * features + j] + random.normal()) / 1.8
      x[row * features + j] = value
      values[row] += (value * (j + 1)) / features
    }
    values[row] = values[row] / 2 + 0.1 * random.normal()
  }
  return { x, labels, values }
}

interface Subject {
  readonly network?: Layer
  readonly loss?: Loss
  readonly optimizer?: Optimizer
  readonly input?: readonly number[]
  readonly x?: ArrayLike<number>
  readonly y?: ArrayLike<number>
}

const mlp = () => sequential(dense(32), relu(), dense(32), relu(), dense(3))
const normed = () => sequential(dense(48), batchNorm(), relu(), dense(3))
const regression = () => sequential(dense(32), relu(), dense(1))

async function look(seed: number, make: (data: ReturnType<typeof rows>, seed: number) => Subject) {
  const data = rows(seed)
  const subject = make(data, seed)
  const { network = mlp(), loss = softmaxCrossEntropy(), optimizer = adam({ learningRate: 3e-3 }) } = subject
  const model = await createModel(network, { input: subject.input ?? [FEATURES], batch: 32, seed, loss, optimizer })
  const values = loss.kind === 'meanSquaredError'
  return babysit(model, { x: subject.x ?? data.x, y: subject.y ?? (values ? data.values : data.labels) })
}

const SEEDS = [1, 2, 3]

describe('broken trainings are named', () => {
  const table: [string, RegExp, (data: ReturnType<typeof rows>, seed: number) => Subject][] = [
    [
      'a learning rate ten times too high and more',
      /LOOK {2}learning rate: .*lower/,
      () => ({ optimizer: momentum({ learningRate: 5 }) }),
    ],
    [
      'a learning rate of a thousandth',
      /LOOK {2}learning rate: .*raise/,
      () => ({ optimizer: adam({ learningRate: 3e-6 }) }),
    ],
    [
      'inputs that are not scaled',
      /LOOK {2}inputs: /,
      ({ x }) => ({ x: x.map((v, i) => 3000 + 800 * v * ((i % FEATURES) + 1)) }),
    ],
    [
      'targets that are not scaled',
      /LOOK {2}targets: /,
      ({ values }) => ({ network: regression(), loss: meanSquaredError(), y: values.map((v) => 250_000 + 90_000 * v) }),
    ],
    [
      'zeros as weights',
      /LOOK {2}initial weights: /,
      () => ({ network: sequential(dense(32, { init: zeros() }), relu(), dense(3, { init: zeros() })) }),
    ],
    [
      'dead ReLUs',
      /LOOK {2}dead units: /,
      ({ x }) => ({ network: sequential(dense(32, { init: constant(-1) }), relu(), dense(3)), x: x.map(Math.abs) }),
    ],
    [
      'saturated sigmoids',
      /LOOK {2}saturation: /,
      () => ({ network: sequential(dense(32, { init: normal(30) }), sigmoid(), dense(3)) }),
    ],
    [
      'a softmax too many',
      /LOOK {2}outputs: /,
      () => ({
        // In a layer of the user's own, of which createModel knows nothing.
        network: {
          kind: 'mine',
          config: {},
          plan: (x, plan) => plan.child('', sequential(dense(32), relu(), dense(3), softmax()), x),
        },
      }),
    ],
    [
      'labels shuffled',
      /LOOK {2}labels: /,
      ({ labels }, seed) => ({ y: createRandom(seed, 9).shuffle(labels.slice()) }),
    ],
    ['a constant feature', /LOOK {2}features: /, ({ x }) => ({ x: x.map((v, i) => (i % FEATURES === 2 ? 7 : v)) })],
    ['one class only', /LOOK {2}targets: /, ({ labels }) => ({ y: labels.map(() => 1) })],
    [
      'too little data',
      /LOOK {2}rows: /,
      ({ x, labels }) => ({ x: x.subarray(0, 9 * FEATURES), y: labels.subarray(0, 9) }),
    ],
  ]

  test.each(table)('%s', async (_, message, make) => {
    for (const seed of SEEDS) expect((await look(seed, make)).text).toMatch(message)
  })
})

describe('healthy trainings get no bad word', () => {
  const table: [string, (data: ReturnType<typeof rows>) => Subject][] = [
    ['a perceptron', () => ({})],
    ['with batch norm', () => ({ network: normed() })],
    ['regression', () => ({ network: regression(), loss: meanSquaredError() })],
    [
      'a convolution',
      () => ({
        network: sequential(conv2d(8, { kernel: [1, 3] }), relu(), flatten(), dense(3)),
        input: [1, 1, FEATURES],
      }),
    ],
  ]

  test.each(table)('%s', async (_, make) => {
    for (const seed of SEEDS) {
      const { ok, text } = await look(seed, make)
      expect(text).not.toContain('LOOK')
      expect(ok).toBe(true)
    }
  })
})
