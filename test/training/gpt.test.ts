// Whole trainings of small transformers, step by step, against PyTorch's numbers in test/fixtures/golden/training2.json.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type Layer,
  adamW,
  attention,
  createModel,
  dense,
  embedding,
  gelu,
  graph,
  layerNorm,
  loadModel,
  positions,
  residual,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { bits } from '../support/models'

interface Numbers {
  readonly shape: readonly number[]
  readonly data: readonly number[]
}
interface Case {
  readonly name: string
  readonly config: any
  readonly inputs: { parameters: Record<string, Numbers>; batches: { ids: Numbers; labels: Numbers }[] }
  readonly outputs: { loss: readonly number[]; parameters: Record<string, Numbers> }
}

const file = new URL('../fixtures/golden/training2.json', import.meta.url)
const cases = (JSON.parse(readFileSync(file, 'utf8')).cases as Case[]).filter(({ config }) => config.kind === 'gpt')

/** x + body(x), whose parameters have the names of the layers alone. */
const around = (layers: Record<string, Layer>) => residual(sequential(layers), undefined, { names: { body: '' } })

function gpt({ vocabulary, size, heads, blocks, hidden, gelu: approximate, tied }: any): Layer {
  const block = () =>
    sequential({
      attend: around({ norm: layerNorm(), attention: attention({ heads, causal: true }) }),
      feed: around({ norm: layerNorm(), up: dense(hidden), gelu: gelu({ approximate }), down: dense(size) }),
    })
  const all = sequential(...Array.from({ length: blocks }, block))
  if (!tied) {
    return sequential({
      embedding: embedding(vocabulary, size),
      positions: positions(),
      blocks: all,
      norm: layerNorm(),
      head: dense(vocabulary),
    })
  }
  return graph(['ids'], ({ ids }, use) => {
    const words = embedding(vocabulary, size)
    const placed = use('positions', positions(), use('embedding', words, ids))
    return use('embedding', words, use('norm', layerNorm(), use('blocks', all, placed)))
  })
}

function expectClose(actual: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  expect(actual.length, what).toBe(expected.length)
  const scale = Math.max(0.1, ...expected.map(Math.abs))
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i] - expected[i]) / scale, `${what}, at ${i}`).toBeLessThanOrEqual(tolerance)
  }
}

const RUNS = (['float64', 'float32'] as const).flatMap((dtype) =>
  (['wasm', 'js'] as const).map((backend) => ({ dtype, backend })),
)

describe.each(RUNS)('$dtype on $backend', ({ dtype, backend }) => {
  test('has cases', () => expect(cases.length).toBeGreaterThan(1))

  test.each(cases.map((c) => [c.name, c] as const))('%s', async (_, { config, inputs, outputs }) => {
    const { op, config: rule } = config.optimizer
    expect(op).toBe('adamW')
    const model = await createModel(gpt(config), {
      input: { shape: [config.context], dtype: 'int32' },
      batch: inputs.batches[0].ids.shape[0],
      dtype,
      backend,
      loss: softmaxCrossEntropy(),
      optimizer: adamW(rule),
    })
    expect(Object.keys(model.parameters)).toEqual(Object.keys(inputs.parameters))
    for (const [name, { data }] of Object.entries(inputs.parameters)) model.parameters[name].data.set(data)
    const losses = outputs.loss.map((_loss, t) => {
      const { ids, labels } = inputs.batches[t % inputs.batches.length]
      return model.trainStep(ids.data, labels.data)
    })
    // Float32 drifts apart over the steps.
    expectClose(losses, outputs.loss, dtype === 'float64' ? 1e-8 : 1e-3, 'losses')
    if (dtype === 'float32') return
    for (const [name, { data }] of Object.entries(outputs.parameters)) {
      expectClose(model.parameters[name].data, data, 1e-7, name)
    }
    const again = await loadModel(model.save(), { backend })
    expect(bits(again)).toEqual(bits(model))
    const { ids } = inputs.batches[0]
    expect(again.predict(ids.data).data).toEqual(model.predict(ids.data).data)
  })
})
