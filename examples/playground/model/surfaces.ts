// Losses of two weights, and the ways of the library's optimizers over them.

import { adagrad, adam, createModel, dense, momentum, nesterov, rmsprop, sgd } from 'v128'

export interface Surface {
  readonly title: string
  readonly formula: string
  readonly text: string
  readonly f: (x: number, y: number) => number
  readonly gradient: (x: number, y: number) => readonly [number, number]
  readonly start: readonly [number, number]
  readonly x: readonly [low: number, high: number]
  readonly y: readonly [low: number, high: number]
  readonly rates: Readonly<Record<string, number>>
}

export const SURFACES: readonly Surface[] = [
  {
    title: 'Ravine',
    formula: 'x²/20 + 2y²',
    text: 'Steep across, flat along: plain SGD bounces from wall to wall, momentum runs along.',
    f: (x, y) => 0.05 * x ** 2 + 2 * y ** 2,
    gradient: (x, y) => [0.1 * x, 4 * y],
    start: [-9, 1.6],
    x: [-10, 3],
    y: [-2.1, 2.1],
    rates: { sgd: 0.45, momentum: 0.06, nesterov: 0.06, adagrad: 1.5, rmsprop: 0.25, adam: 0.4 },
  },
  {
    title: 'Saddle',
    formula: 'x²/2 − y²/2 + y⁴/20',
    text: 'Flat at the saddle: SGD stays for long, those that divide by the size of gradients leave at once.',
    f: (x, y) => 0.5 * x ** 2 - 0.5 * y ** 2 + 0.05 * y ** 4,
    gradient: (x, y) => [x, -y + 0.2 * y ** 3],
    start: [-1.8, 0.01],
    x: [-2.2, 2.2],
    y: [-1.2, 3],
    rates: { sgd: 0.12, momentum: 0.05, nesterov: 0.05, adagrad: 0.3, rmsprop: 0.08, adam: 0.12 },
  },
  {
    title: 'Banana',
    formula: '(1 − x)² + 5 (y − x²)²',
    text: 'A bent valley (Rosenbrock’s): into it is easy, along it is not.',
    f: (x, y) => (1 - x) ** 2 + 5 * (y - x * x) ** 2,
    gradient: (x, y) => [-2 * (1 - x) - 20 * x * (y - x * x), 10 * (y - x * x)],
    start: [-1.4, 0.4],
    x: [-2, 2],
    y: [-0.8, 2.4],
    rates: { sgd: 0.02, momentum: 0.006, nesterov: 0.006, adagrad: 0.3, rmsprop: 0.05, adam: 0.12 },
  },
  {
    title: 'Two valleys',
    formula: '(x² − 1)² + x/3 + y²',
    text: 'The nearer valley is not the deeper one. Who has momentum may roll through.',
    f: (x, y) => (x * x - 1) ** 2 + x / 3 + y * y,
    gradient: (x, y) => [4 * x * (x * x - 1) + 1 / 3, 2 * y],
    start: [1.75, 0.9],
    x: [-2, 2],
    y: [-1.3, 1.3],
    rates: { sgd: 0.03, momentum: 0.02, nesterov: 0.02, adagrad: 0.3, rmsprop: 0.05, adam: 0.15 },
  },
]

const OPTIMIZERS = { sgd, momentum, nesterov, adagrad, rmsprop, adam }
export const RACERS = Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[]
export const STEPS = 120

/** Places after each step, x and y in turn. */
export async function walk(name: keyof typeof OPTIMIZERS, surface: Surface, times: number): Promise<Float64Array> {
  const optimizer = OPTIMIZERS[name]({ learningRate: surface.rates[name] * times })
  const model = await createModel(dense(1, { bias: false }), { input: [2], batch: 1, optimizer })
  const { data: at } = model.parameters.weight
  at.set(surface.start)
  const way = new Float64Array(2 * (STEPS + 1))
  way.set(at)
  for (let step = 1; step <= STEPS; step++) {
    model.step(() => {
      model.gradients.weight.data.set(surface.gradient(at[0], at[1]))
      return surface.f(at[0], at[1])
    })
    way.set(at, 2 * step)
  }
  model.close()
  return way
}
