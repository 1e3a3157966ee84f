// Messages that say what to do: each mistake beside what its error must say.
import { afterEach, expect, test, vi } from 'vitest'
import * as v128 from '../../src/entries/index'
import {
  type Layer,
  adam,
  babysit,
  binaryCrossEntropy,
  conv2d,
  cosineDecay,
  createModel,
  decodeSafetensors,
  dense,
  describe,
  encodeSafetensors,
  flatten,
  meanSquaredError,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { isOurs } from '../support/mistakes'

const untyped = v128 as unknown as Record<string, (...args: unknown[]) => never>
const x = Float64Array.from({ length: 800 }, (_, i) => Math.sin(i))
const labels = Int32Array.from({ length: 200 }, (_, i) => i % 3)
const optimizer = adam({ learningRate: 0.01 })
const make = (network: Layer, loss: v128.Loss, more: object = {}) =>
  createModel(network, { input: [4], batch: 32, loss, optimizer, ...more })
const classifier = () => make(dense(3), softmaxCrossEntropy())
const binary = () => make(dense(2), binaryCrossEntropy())

async function messageOf(action: () => unknown): Promise<string> {
  try {
    await action()
  } catch (error) {
    expect(isOurs(error)).toBe(true)
    return (error as Error).message
  }
  return 'nothing thrown'
}

test.each<[string, () => unknown, RegExp]>([
  [
    'one target a row for two outputs',
    async () => (await binary()).fit({ x, y: labels.map((v) => v % 2) }),
    /^y: 100 rows of targets for 200 rows of x; the network gives 2 values a row$/,
  ],
  [
    'the same of one row',
    async () => (await binary()).evaluate({ x, y: [0, 1] }),
    /^y: 1 row of targets for 200 rows of x; the network gives 2 values a row$/,
  ],
  [
    'the same of one value',
    async () => (await make(dense(1), meanSquaredError())).evaluate({ x, y: [1] }),
    /^y: 1 row of targets for 200 rows of x$/,
  ],
  [
    'one-hot labels',
    async () => (await classifier()).fit({ x, y: new Float64Array(600) }),
    /^y: 600 labels for 200 rows of x; labels are class numbers, one a row, not one-hot$/,
  ],
  ['one label', async () => (await classifier()).evaluate({ x, y: [1] }), /^y: 1 label for 200 rows of x$/],
  [
    'a label out of range',
    async () => (await classifier()).evaluate({ x: x.subarray(0, 4), y: [3] }),
    /^y: the label of row 0 is 3; want an integer from 0 to 2, a class of the 3 scores$/,
  ],
  [
    'a label of text',
    async () => (await classifier()).evaluate({ x: x.subarray(0, 4), y: ['cat'] as never }),
    /^y: the label of row 0 is "cat"; want an integer from 0 to/,
  ],
  [
    'text in x',
    async () => (await classifier()).predict([1, 2, 3, '1.5'] as never),
    /^x: row 0 holds "1\.5"; remove or repair that row: want numbers$/,
  ],
  ['NaN in x', async () => (await classifier()).predict([1, 2, 3, NaN]), /holds NaN; remove or repair that row$/],
  [
    'evaluate(x, y)',
    async () => (await classifier()).evaluate(x as never, labels as never),
    /^evaluate: data must be one object \{ x, y \}, got an array; hand in evaluate\(\{ x, y \}\)$/,
  ],
  [
    'babysit(model, x, y)',
    async () => babysit(await classifier(), x as never, labels as never),
    /^babysit: data must be one object \{ x, y \}, got an array; hand in babysit\(model, \{ x, y \}\)$/,
  ],
  [
    'arrays for validation',
    async () => (await classifier()).fit({ x, y: labels }, { validation: x as never }),
    /^fit: validation must be one object \{ x, y \}, got an array; hand in \{ x, y \}$/,
  ],
  [
    'dy of one row for two',
    async () => {
      const model = await classifier()
      model.forward(x.subarray(0, 8))
      model.backward([1, 2, 3])
    },
    /^dy: 1 row, but the last forward pass had 2$/,
  ],
  [
    'xs and ys',
    async () => (await classifier()).fit({ xs: x, ys: labels } as never),
    /^fit: data must be an object \{ x, y \} of arrays, got \{ xs, ys \}$/,
  ],
  [
    'a curve without an end',
    async () => {
      const learningRate = cosineDecay({ initial: 0.1 })
      const model = await make(dense(3), softmaxCrossEntropy(), { optimizer: sgd({ learningRate }) })
      await model.fit({ x, y: labels }, { epochs: Infinity })
    },
    /^cosineDecay: the length of the run is not known, as with epochs: Infinity, .*; give total, in epochs$/,
  ],
  [
    'a controller for its signal',
    async () => (await classifier()).fit({ x, y: labels }, { signal: new AbortController() as never }),
    /^fit: signal must be that of an AbortController, got .*; hand in controller\.signal$/,
  ],
  [
    'another signal',
    async () => (await classifier()).fit({ x, y: labels }, { signal: 5 as never }),
    /^fit: signal must be that of an AbortController, got 5$/,
  ],
  ['adam(1e-3)', () => untyped.adam(1e-3), /^adam: .*, got 0\.001; in form: \{ learningRate: 0\.001 \}$/],
  [
    'dropout(0.5)',
    () => untyped.dropout(0.5),
    /^dropout: .*, got 0\.5; keep is the share of values that stays: dropout\(\{ keep: 0\.9 \}\) drops a tenth$/,
  ],
  ['conv2d(16, 3)', () => untyped.conv2d(16, 3), /^conv2d: .*, got 3; in form: \{ kernel: 3 \}$/],
  [
    'load of a path',
    async () => (await classifier()).load('a.safetensors' as never),
    /got "a\.safetensors"; read the file/,
  ],
  [
    'load of another prefix',
    async () =>
      (await classifier()).load(encodeSafetensors({ 'net.weight': { shape: [1], data: new Float64Array(1) } })),
    /^weights: the file has no 'weight'; it is of another model: it has net\.weight$/,
  ],
  [
    'load of what fits, from another prefix',
    async () => {
      const file = encodeSafetensors({ 'net.weight': { shape: [1], data: new Float64Array(1) } })
      ;(await classifier()).load(file, { strict: false })
    },
    /^weights: nothing in the file \(net\.weight, \.\.\.\) has a name and a shape of this model, which has weight, bias$/,
  ],
  [
    'load of nothing',
    async () => (await classifier()).load(encodeSafetensors({}), { strict: false }),
    /nothing in the file \(it is empty\) has a name and a shape of this model, which has weight, bias$/,
  ],
  [
    'an input larger than kernels',
    () => describe(dense(1), { input: [1e5, 1e5] }),
    /^input: an example of shape \(100000, 100000\) cannot be/,
  ],
])('%s', async (_, action, message) => {
  expect(await messageOf(action)).toMatch(message)
})

afterEach(() => vi.restoreAllMocks())

test('channels last in one dimension are noted as in two', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  describe(sequential(conv2d(4, { kernel: 1 }), flatten()), { input: [128, 1, 3] })
  expect(warn.mock.calls.join()).toMatch(
    /an input of \[128, 1, 3\] is taken for 128 channels of 1 x 3; .* put them first, in the data too: input \[3, 1, 128\]/,
  )
  warn.mockClear()
  describe(sequential(conv2d(4, { kernel: [1, 7] }), flatten()), { input: [3, 1, 128] })
  expect(warn).not.toHaveBeenCalled()
})

test('load takes an ArrayBuffer, as fetch gives it', async () => {
  const [a, b] = [await classifier(), await make(dense(3), softmaxCrossEntropy(), { seed: 9 })]
  const bytes = a.save()
  expect(b.parameters.weight.data).not.toEqual(a.parameters.weight.data)
  expect(b.load(bytes.buffer)).toEqual({ missing: [], mismatched: [], unexpected: [] })
  expect(b.parameters.weight.data).toEqual(a.parameters.weight.data)
  expect(decodeSafetensors(bytes.buffer).get('bias')!.data).toEqual(a.parameters.bias.data)
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
  expect(await messageOf(() => b.load(bytes.buffer))).toMatch(/^weights: the file has 0 bytes, too few/)
  expect(await messageOf(() => b.load(new DataView(new ArrayBuffer(9)) as never))).toMatch(
    /^weights: want a Uint8Array/,
  )
})
