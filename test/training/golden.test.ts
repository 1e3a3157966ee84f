// Whole trainings, step by step, against PyTorch's numbers: networks whose layers and losses other tests hold one by one.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type Layer,
  type Loss,
  type Network,
  adam,
  concat,
  conv1d,
  conv2d,
  convTranspose2d,
  createModel,
  dense,
  flatten,
  graph,
  huber,
  maxPool1d,
  meanSquaredError,
  momentum,
  relu,
  sequential,
  silu,
  softmaxCrossEntropy,
} from '../../src/entries/index'

interface Numbers {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}

/** What a case of the fixture makes, and how a batch of it is given. */
interface Kind {
  readonly network: Layer | Network<string, string>
  readonly input: readonly number[] | Record<string, readonly number[]>
  readonly loss: Loss | Record<string, Loss>
  readonly batch: (of: Record<string, any>) => { x: any; y: any }
}

const kinds: Record<string, (config: any) => Kind> = {
  two: ({ image, numbers, kernel, filters, units, classes, values, weights }) => ({
    network: graph(['image', 'numbers'], (given, use) => {
      const eye = use(
        'eye',
        sequential({ conv: conv2d(filters, { kernel }), relu: relu(), flat: flatten() }),
        given.image,
      )
      const both = use('both', concat(), eye, use('air', dense(units), given.numbers))
      return { digit: use('digit', dense(classes), both), price: use('price', dense(values), both) }
    }),
    input: { image, numbers: [numbers] },
    loss: {
      digit: softmaxCrossEntropy({ weight: weights.digit }),
      price: meanSquaredError({ weight: weights.price }),
    },
    batch: (of) => ({
      x: { image: of.image.data, numbers: of.numbers.data },
      y: { digit: of.digit.data ?? of.digit, price: of.price.data },
    }),
  }),
  conv1d: ({ channels, length, filters, kernel, stride, dilation, classes }) => ({
    network: sequential({
      conv1: conv1d(filters[0], { kernel, stride, pad: 'same' }),
      relu: relu(),
      pool: maxPool1d(2),
      conv2: conv1d(filters[1], { kernel, dilation, pad: 'causal' }),
      silu: silu(),
      flat: flatten(),
      dense: dense(classes),
    }),
    input: [channels, length],
    loss: softmaxCrossEntropy(),
    batch: ({ x, labels }) => ({ x: x.data, y: labels.data ?? labels }),
  }),
  autoencoder: ({ image, filters, delta }) => ({
    network: sequential({
      down: conv2d(filters, { kernel: 3, stride: 2, pad: 1 }),
      relu: relu(),
      up: convTranspose2d(image[0], { kernel: 3, stride: 2, pad: 1, outputPad: 1 }),
    }),
    input: image,
    loss: huber({ delta }),
    batch: ({ x }) => ({ x: x.data, y: x.data }),
  }),
}

const { cases } = JSON.parse(readFileSync(new URL('../fixtures/golden/training2.json', import.meta.url), 'utf8'))
const runs = ['float64', 'float32'].flatMap((dtype) =>
  (
    [
      ['wasm', 1],
      ['wasm', 2],
      ['js', 1],
    ] as const
  ).map(([backend, threads]) => [dtype as 'float64' | 'float32', backend, threads] as const),
)

describe.each<any>(cases.filter(({ config }: any) => Object.hasOwn(kinds, config.kind)))(
  '$name',
  ({ config, inputs, outputs }) => {
    test.each(runs)('%s, %s, %i threads', async (dtype, backend, threads) => {
      const { network, batch, input, loss } = kinds[config.kind](config)
      const rule = { adam, momentum }[config.optimizer.op as 'adam' | 'momentum']
      const model: any = await createModel(network as Layer, {
        input: input as number[],
        loss: loss as Loss,
        batch: 8,
        dtype,
        backend,
        threads,
        optimizer: rule(config.optimizer.config),
      })
      expect(Object.keys(model.parameters).toSorted()).toEqual(Object.keys(inputs.parameters).toSorted())
      for (const [name, { data }] of Object.entries<Numbers>(inputs.parameters)) model.parameters[name].data.set(data)
      for (let step = 0; step < config.steps; step++) {
        const { x, y } = batch(inputs.batches[step % config.batches])
        const before = model.trainStep(x, y)
        expect(Math.abs(before / outputs.loss[step] - 1)).toBeLessThan(dtype === 'float64' ? 1e-9 : 1e-4)
      }
      for (const [name, { data }] of Object.entries<Numbers>(outputs.parameters)) {
        const largest = Math.max(...data.map(Math.abs))
        data.forEach((value, i) => {
          const error = Math.abs(model.parameters[name].data[i] - value) / largest
          expect(error, `${name} ${i}`).toBeLessThan(dtype === 'float64' ? 1e-8 : 1e-3)
        })
      }
      model.close()
    })
  },
)

test('the fixture has a case of each', () => {
  expect(Object.keys(kinds).filter((kind) => !cases.some(({ config }: any) => config.kind === kind))).toEqual([])
})
