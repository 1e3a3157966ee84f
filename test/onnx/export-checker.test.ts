// toOnnx: ONNX's own checker, with its inference of types and shapes, finds nothing in what is written of each row of the
// layer table, and of more. Without python3-onnx this is left out; with REQUIRE_SERVERS=all it fails.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { inputOf, layerCases } from '../../cases/layers'
import { createModel, gru, lstm, sequential, softmaxCrossEntropy } from '../../src/entries/index'
import { type OnnxLayer, type OnnxValue, toOnnx } from '../../src/entries/onnx'
import { demanded } from '../support/servers.js'
import { VARIANTS, type Variant } from './variants'

const rows: readonly Variant[] = [...layerCases, ...VARIANTS]

const hasOnnx = demanded || existsSync('/usr/lib/python3/dist-packages/onnx')
const folder = mkdtempSync(join(tmpdir(), 'v128-onnx-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Checks the files, and says of each what is wrong, or, of a whole one, the shapes that were found for its outputs. */
const CHECK = `
import json, sys
import onnx
from onnx import checker, shape_inference

def sizes(value):
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

found = []
for path in json.load(open(sys.argv[1])):
    model = onnx.load(path)
    try:
        checker.check_model(model, full_check=True)
        declared = [sizes(value) for value in model.graph.output]
        # What the file says of its outputs is not asked: what the nodes give must be that.
        for value in model.graph.output:
            value.type.tensor_type.ClearField('shape')
        inferred = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
        found.append([declared, [sizes(value) for value in inferred.graph.output]])
    except Exception as error:
        found.append(str(error))
json.dump(found, sys.stdout)
`

async function checked(files: readonly Uint8Array[]): Promise<readonly any[]> {
  const paths = files.map((bytes, i) => {
    const path = join(folder, `${i}.onnx`)
    writeFileSync(path, bytes)
    return path
  })
  const list = join(folder, 'list.json')
  writeFileSync(list, JSON.stringify(paths))
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const { stdout } = await promisify(execFile)('/usr/bin/python3', ['-c', CHECK, list], { env, maxBuffer: 2 ** 26 })
  return JSON.parse(stdout) as any[]
}

describe('the official checker', () => {
  beforeEach(({ skip }) => skip(!hasOnnx, 'no onnx: apt-get install python3-onnx'))

  test.each(['float32', 'float64'] as const)('finds nothing in %s', async (dtype) => {
    const files = []
    for (const row of rows) {
      const model = await createModel(row.network(), { input: inputOf(row), batch: 1, dtype, inference: true })
      files.push(toOnnx(model))
      model.close()
    }
    const found = await checked(files)
    found.forEach((one, i) => {
      const { name } = rows[i]
      expect(typeof one, `${name}: ${one}`).toBe('object')
      const [[declared], [inferred = []]] = one
      expect(declared[0], name).toBe('N')
      // Where it finds out less than we know, it says 0.
      for (const [axis, size] of inferred.entries()) {
        if (typeof size === 'number' && size > 0) expect(size, name).toBe(declared[axis])
      }
    })
  })

  test.each(['float32', 'float64'] as const)('finds nothing in lengths and probabilities in %s', async (dtype) => {
    const network = sequential(gru(3, { output: 'all', bidirectional: true }), lstm(4))
    const model = await createModel(network, { input: [5, 2], dtype, loss: softmaxCrossEntropy() })
    const options = { lengths: true, probabilities: true }
    const found = await checked([toOnnx(model, options), toOnnx(model, { ...options, batch: 3 })])
    expect(found.map((one) => one[0])).toEqual([[['N', 4]], [[3, 4]]])
  })

  test('finds what is wrong', async () => {
    const model = await createModel(lstm(2), { input: [3, 2], inference: true })
    const layers = { lstm: (layer: OnnxLayer, x: OnnxValue) => layer.node('Nonsense', [x], [2]) }
    expect(await checked([toOnnx(model, { layers })])).toEqual([expect.stringContaining('Nonsense')])
  })
})
