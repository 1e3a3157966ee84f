// What a layer forgets to say about memory is found, by name: see watched.ts. Every row of the layer table runs so.
import { describe, expect, test } from 'vitest'
import {
  type DType,
  type Layer,
  N,
  type Plan,
  type Value,
  adam,
  batchNorm,
  constant,
  conv1d,
  conv2d,
  createModel,
  dense,
  flatten,
  freeze,
  gradientCheck,
  groupNorm,
  layerNorm,
  relu,
  sequential,
  sigmoid,
  softmaxCrossEntropy,
  tanh,
  times,
} from '../../src/entries/index'
import { NORM_SCRATCH, SUM_STEPS } from '../../src/kernels/blocking'
import type { Parameter } from '../../src/plan/value'
import { type LayerCase, cnn, inputOf, layerCases } from '../../cases/layers'
import { bits, randomData } from '../support/models'
import { watch } from '../support/watched'

const loss = softmaxCrossEntropy()

/** Copies forward and backward, and so keeps nothing: the layers beside it are alone with what they said. */
const copy = (): Layer => ({
  kind: 'copy',
  config: {},
  plan(x, plan) {
    const y = plan.value(x.shape)
    const sizes = [1, times(x.size), 0, 0]
    plan.forward('copyBlocks', { sizes, reads: [x], writes: [y] })
    plan.backward('copyBlocks', { sizes, reads: [y.gradient], writes: [x.gradient] })
    return y
  },
})

/** A network like the one between, with what is trained before and behind it. */
const withNeighbours = (network: Layer, input: readonly number[], ids?: number): Layer =>
  sequential(
    // Nothing can come before ids.
    ...(ids
      ? []
      : [[dense(input[0]), conv1d(input[0], { kernel: 1 }), conv2d(input[0], { kernel: 1 })][input.length - 1]]),
    freeze(network),
    flatten(),
    dense(3),
  )

/** network(x) + network(tanh(x)), with the same parameters: the gradients of both add up in them. */
const twice = (network: () => Layer, ids?: number): Layer => ({
  kind: 'twice',
  config: {},
  plan(x, plan) {
    const [first, second] = plan.fork(x, 2)
    const made: Parameter[] = []
    const original = plan.parameter
    plan.parameter = (...args) => {
      made.push(original.apply(plan, args))
      return made.at(-1)!
    }
    const a = plan.child('first', network(), first)
    plan.parameter = () => made.shift()!
    const b = plan.child('second', ids ? network() : sequential(tanh(), network()), second)
    plan.parameter = original
    const y = plan.value(a.shape)
    plan.shareGradient(a, y)
    plan.shareGradient(b, y)
    plan.forward('add', { sizes: [times(y.size)], reads: [a, b], writes: [y] })
    return y
  },
})

/** Trains, evaluates and goes back twice, watched; then the same without, to the same bits. */
async function runWatched(
  network: () => Layer,
  c: Pick<LayerCase, 'input' | 'ids'>,
  backend: 'wasm' | 'js',
  dtype: DType,
) {
  const { input: shape, ids } = c
  const input = inputOf(c)
  const results = []
  let calls = 0
  for (const watched of [true, false]) {
    const optimizer = adam({ learningRate: 0.01 })
    const model = await createModel(network(), { input, batch: 4, seed: 2, loss, optimizer, backend, dtype })
    const count = watched ? await watch(model) : () => 1
    const size = shape.reduce((a, b) => a * b)
    const { x, y } = randomData(4, size, Math.min(2, model.output.shape[1]), 5, ids)
    const losses = [4, 3, 4].map((n) => model.trainStep(x.subarray(0, n * size), y.subarray(0, n)))
    const evaluation = model.evaluate({ x, y })
    const scores = model.forward(x.subarray(0, 3 * size), { training: true }).data.slice()
    const dy = scores.map((_, i) => Math.cos(i))
    // Twice: what backward reads of forward is still there.
    const gradients = [0, 1].map(() => {
      const back = model.backward(dy)
      const dx = ids ? back.shape : back.data.slice()
      return { dx, gradients: Object.values(model.gradients).map(({ data }) => data.slice()) }
    })
    const predicted = model.forward(x).data.slice()
    results.push({ losses, evaluation, scores, gradients, predicted, bits: bits(model) })
    if (watched) calls = count()
  }
  expect(results[0]).toEqual(results[1])
  expect(calls).toBeGreaterThan(10)
}

describe.each(layerCases.map((c) => [c.name, c] as const))('%s, watched call by call', (_, c) => {
  const { network, input: shape, ids } = c
  const variants: [string, () => Layer][] = [
    ['as it is', network],
    ['between layers that keep nothing', () => sequential(...(ids ? [] : [copy()]), network(), copy())],
    ['frozen between trained ones', () => withNeighbours(network(), shape, ids)],
  ]
  test.each(variants)('%s', async (_name, variant) => {
    await runWatched(variant, c, 'wasm', 'float64')
    await runWatched(variant, c, 'js', 'float32')
  })

  test('twice with the same parameters: the gradients add up', async () => {
    const model = await createModel(twice(network, ids), { input: inputOf(c), batch: 3, loss, seed: 3 })
    await watch(model)
    const size = shape.reduce((a, b) => a * b)
    const { x, y } = randomData(2, size, Math.min(2, model.output.shape[1]), 5, ids)
    const result = gradientCheck(model, x, y, { samples: 3 })
    expect(result.error, JSON.stringify(result)).toBeLessThan(1e-6)
  })
})

// The rows are small: these fill the blocks of matrix products and of convolutions, and so all of the scratch they ask for.
test.each<[string, () => Layer, number[]]>([
  ['dense', () => sequential(dense(300), batchNorm(), sigmoid(), dense(3)), [600]],
  ['the CNN of the README', () => cnn(3), [1, 28, 28]],
  [
    'conv2d of many channels',
    () => sequential(conv2d(140, { kernel: 3, pad: 1 }), relu(), flatten(), dense(3)),
    [40, 9, 9],
  ],
])('larger than a block, watched: %s', async (_, network, input) => {
  await runWatched(network, { input }, 'wasm', 'float64')
  await runWatched(network, { input }, 'wasm', 'float32')
})

// From SUM_STEPS examples on sums go block by block, and some by way of the scratch.
test.each(['float64', 'float32'] as const)('a batch of several blocks of sums, watched, %s', async (dtype) => {
  const network = sequential(groupNorm(2), conv2d(2, { kernel: 2 }), batchNorm(), flatten(), layerNorm(), dense(3))
  const model = await createModel(network, {
    input: [4, 3, 2],
    batch: 2 * SUM_STEPS + 1,
    loss,
    optimizer: adam({ learningRate: 0.01 }),
    dtype,
    seed: 4,
  })
  const count = await watch(model)
  const { x, y } = randomData(2 * SUM_STEPS + 1, 24, 3)
  expect(model.trainStep(x, y)).toBeGreaterThan(0)
  expect(count()).toBeGreaterThan(10)
})

// ---- mistakes, made on purpose ----

/** A layer of the same shape as what it gets. */
const layer = (kind: string, calls: (x: Value, y: Value, plan: Plan) => void): Layer => ({
  kind,
  config: {},
  plan(x, plan) {
    const y = plan.value(x.shape)
    calls(x, y, plan)
    return y
  },
})

type View = Float64Array
const one = { init: constant(1), fanIn: 1, fanOut: 1, decay: true }
const copying = (n: number, from: View, to: View | undefined) => to?.set(from.subarray(0, n))
const copyForward = (x: Value, y: Value, plan: Plan) =>
  plan.forward(copying, { sizes: [times(x.size)], reads: [x], writes: [y] })
const copyBackward = (x: Value, y: Value, plan: Plan) =>
  plan.backward(copying, { sizes: [times(x.size)], reads: [y.gradient], writes: [x.gradient] })

const mistakes: [what: string, layer: () => Layer, message: RegExp][] = [
  [
    'a backward pass that reads a forward value without saying so',
    () => {
      let kept: View
      return layer('square', (x, y, plan) => {
        const sizes = [times(x.size)]
        function forward(n: number, from: View, to: View) {
          kept = from
          for (let i = 0; i < n; i++) to[i] = from[i] * from[i]
        }
        function backward(n: number, dy: View, dx: View) {
          for (let i = 0; i < n; i++) dx[i] = 2 * kept[i] * dy[i]
        }
        plan.forward(forward, { sizes, reads: [x], writes: [y] })
        plan.backward(backward, { sizes, reads: [y.gradient], writes: [x.gradient] })
      })
    },
    /^1 square: backward left NaN, at 0, in a gradient of .*: it did not write there, or it read what nobody had written, what it did not say it reads/,
  ],
  [
    'a write beyond the scratch asked for',
    () =>
      layer('narrow', (x, y, plan) => {
        plan.forward('sigmoidForward', { sizes: [times(x.size)], reads: [x], scratch: 8, writes: [y] })
        plan.backward('sigmoidBackward', { sizes: [times(x.size)], reads: [y, y.gradient], writes: [x.gradient] })
      }),
    /^1 narrow: sigmoidForward wrote.* what it did not say it writes: byte 8 of the scratch, of which it asked for 8$/,
  ],
  [
    'a write to the gradient of a frozen parameter, which is the null pointer',
    () =>
      freeze(
        layer('frozen', (x, y, plan) => {
          const weight = plan.parameter('weight', [x.size, x.size], one)
          copyForward(x, y, plan)
          plan.backward('groupNormForward', {
            sizes: [N, 1, 1, x.size, 1, 1e-5],
            reads: [y.gradient, weight, weight],
            scratch: NORM_SCRATCH,
            writes: [weight.gradient, weight.gradient, x.gradient],
          })
        }),
      ),
    /^1 frozen: groupNormForward wrote what it did not say it writes: byte \d+, where a null pointer leads/,
  ],
  [
    'a layer that says that it overwrites y.gradient',
    () =>
      layer('greedy', (x, y, plan) => {
        copyForward(x, y, plan)
        plan.backward('add', { sizes: [times(x.size)], reads: [y.gradient, y.gradient], writes: [y.gradient] })
        copyBackward(x, y, plan)
      }),
    /^sequential\.1 greedy: its backward pass writes the gradient of its own output, which others may read; write x\.gradient alone$/,
  ],
  [
    'a layer that overwrites y.gradient without saying so',
    () =>
      layer('sly', (x, y, plan) => {
        copyForward(x, y, plan)
        function backward(n: number, dy: View, dx: View) {
          for (let i = 0; i < n; i++) dx[i] = dy[i] *= 2
        }
        plan.backward(backward, { sizes: [times(x.size)], reads: [y.gradient], writes: [x.gradient] })
      }),
    /^1 sly: backward wrote what it did not say it writes: a gradient of /,
  ],
  [
    'a call that writes what it did not say',
    () =>
      layer('spilling', (x, y, plan) => {
        function forward(n: number, from: View, to: View) {
          for (let i = 0; i < n; i++) to[i] = from[i] = Math.abs(from[i])
        }
        plan.forward(forward, { sizes: [times(x.size)], reads: [x], writes: [y] })
        copyBackward(x, y, plan)
      }),
    /^1 spilling: forward wrote what it did not say it writes: a value of 0 dense$/,
  ],
  [
    'a call that writes rows that are not in use',
    () =>
      layer('wide', (x, y, plan) => {
        function forward(_n: number, _from: View, to: View) {
          to.fill(1)
        }
        plan.forward(forward, { sizes: [times(x.size)], reads: [x], writes: [y] })
        copyBackward(x, y, plan)
      }),
    /^1 wide: forward wrote what it did not say it writes: a value of 1 wide$/,
  ],
  [
    'a call that leaves out some of what it says it writes',
    () =>
      layer('lazy', (x, y, plan) => {
        plan.forward(copying, { sizes: [times(x.size - 1)], reads: [x], writes: [y] })
        copyBackward(x, y, plan)
      }),
    /^1 lazy: copying left NaN, at \d+, in a value of 1 lazy: it did not write there/,
  ],
  [
    'a call that reads what nobody wrote',
    () =>
      layer('early', (x, y, plan) => {
        plan.forward('add', { sizes: [times(x.size)], reads: [x, plan.value(x.shape)], writes: [y] })
        copyBackward(x, y, plan)
      }),
    /^1 early: add reads a value in its forward pass that no call before it writes$/,
  ],
]

describe.each(['wasm', 'js'] as const)('found, on %s:', (backend) => {
  test.each(mistakes)('%s', async (_, mistaken, message) => {
    const train = async () => {
      // What stands beside it uses its memory again, and wants more scratch than it.
      const network = sequential(dense(5), mistaken(), relu(), dense(6), relu(), dense(3))
      const model = await createModel(network, {
        input: [5],
        batch: 4,
        loss,
        optimizer: adam({ learningRate: 0.01 }),
        backend,
        seed: 1,
      })
      await watch(model)
      const { x, y } = randomData(3, 5, 3)
      model.trainStep(x, y)
    }
    await expect(train()).rejects.toThrow(message)
  })
})
