// toOnnx: what a file is called and holds, its options, and what it refuses.
import { describe, expect, test } from 'vitest'
import { layerCases, inputOf } from '../../cases/layers'
import {
  type Layer,
  type Loss,
  PlanError,
  adam,
  attention,
  binaryCrossEntropy,
  concat,
  conv2d,
  createModel,
  dense,
  embedding,
  flatten,
  freeze,
  graph,
  gru,
  loadModel,
  lstm,
  mean,
  meanSquaredError,
  multiply,
  residual,
  rnn,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from '../../src/entries/index'
import { toOnnx } from '../../src/entries/onnx'
import type { AnyModel } from '../../src/model/core-of'
import { checkSize } from '../../src/onnx/export/to-onnx'
import { DataType, decodeModel } from '../../src/onnx/schema'
import { TOLERANCE, difference, examplesOf, noise, run, shake } from '../support/onnx'

const DTYPES = ['float32', 'float64'] as const
const graphOf = (bytes: Uint8Array) => decodeModel('test', bytes).graph!
const namesOf = (list: readonly { name?: string }[] = []) => list.map(({ name }) => name)
const dimsOf = ({ type }: { type?: any }) => type.tensorType.shape.dim.map((one: any) => one.dimParam ?? one.dimValue)

const still = { inference: true } as const
const small = () => createModel(sequential(dense(4), tanh(), dense(3)), { ...still, input: [2] })

describe('the file', () => {
  test('says who wrote it, and holds the metadata of the model', async () => {
    const model = await small()
    model.metadata = { classes: ['cat', 'dog', 'owl'], license: 'MIT', size: 3 }
    const file = decodeModel('test', toOnnx(model))
    expect(file).toMatchObject({ irVersion: 8, producerName: 'v128', opsetImport: [{ version: 17 }] })
    expect(file.producerVersion).toMatch(/^\d+\.\d+\.\d+/)
    const props = Object.fromEntries(file.metadataProps!.map(({ key, value }) => [key, value]))
    expect(props).toEqual({ classes: '["cat","dog","owl"]', license: 'MIT', size: '3' })
  })

  test('has an input and an output by these names, of any number of rows unless one is given', async () => {
    const model = await small()
    const { input, output } = graphOf(toOnnx(model))
    expect([namesOf(input), namesOf(output)]).toEqual([['input'], ['output']])
    expect([dimsOf(input![0]), dimsOf(output![0])]).toEqual([
      ['N', 2],
      ['N', 3],
    ])
    const fixed = graphOf(toOnnx(model, { batch: 5 }))
    expect([dimsOf(fixed.input![0]), dimsOf(fixed.output![0])]).toEqual([
      [5, 2],
      [5, 3],
    ])
    const x = noise(10)
    const { output: five } = await run(toOnnx(model, { batch: 5 }), { input: x }, 5)
    expect(difference(five.data, model.predict(x).data)).toBeLessThan(TOLERANCE.float64)
  })

  test('has nodes named after layers, and parameters once, under their names, bit for bit', async () => {
    for (const row of layerCases) {
      const model = await createModel(row.network(), { ...still, input: inputOf(row) })
      const { initializer, node } = graphOf(toOnnx(model))
      expect(new Set(namesOf(node)).size, row.name).toBe(node!.length)
      for (const [name, { data }] of Object.entries({ ...model.parameters, ...model.buffers })) {
        const found = initializer!.filter((one) => one.name === name)
        expect(found.length, `${row.name}: ${name}`).toBe(1)
        expect(Buffer.compare(Buffer.from(found[0].rawData!), Buffer.from(Float64Array.from(data).buffer))).toBe(0)
      }
    }
    const { node } = graphOf(toOnnx(await small()))
    expect(namesOf(node)).toEqual(['0/Gemm', '1/Tanh', '2/Gemm'])
  })

  test('is of float32 where that is asked for', async () => {
    const model = await small()
    const { input, initializer } = graphOf(toOnnx(model, { dtype: 'float32' }))
    expect(input![0].type!.tensorType!.elemType).toBe(DataType.float)
    expect(initializer!.every(({ dataType }) => dataType === DataType.float)).toBe(true)
    const x = noise(6)
    const { output } = await run(toOnnx(model, { dtype: 'float32' }), { input: x }, 3)
    expect(difference(output.data, model.predict(x).data)).toBeLessThan(TOLERANCE.float32)
    const single = await createModel(dense(3), { ...still, input: [2], dtype: 'float32' })
    const double = await run(toOnnx(single, { dtype: 'float64' }), { input: x }, 3)
    expect(difference(double.output.data, single.predict(x).data)).toBeLessThan(TOLERANCE.float32)
  })

  test('is of a model on several threads', async () => {
    const options = { ...still, input: [2] } as const
    const [one, two] = [await createModel(dense(3), options), await createModel(dense(3), { ...options, threads: 2 })]
    expect(toOnnx(two)).toEqual(toOnnx(one))
    two.close()
  })

  test('is of a model in a worker, once that is read back', async () => {
    const model = await small()
    expect(toOnnx(await loadModel(model.save(), still))).toEqual(toOnnx(model))
  })
})

describe('several inputs and outputs', () => {
  const network = () =>
    graph(['words', 'weather'], ({ words, weather }, use) => {
      const read = use('read', sequential(embedding(7, 3), flatten()), words)
      const air = use('air', dense(4), weather)
      const both = use('both', concat(), read, air)
      return { kind: use('kind', dense(3), both), price: use('price', dense(1), both), air }
    })
  const loss = { kind: softmaxCrossEntropy(), price: meanSquaredError(), air: binaryCrossEntropy() }
  const input = { words: { shape: [2], dtype: 'int32' }, weather: [5] } as const

  test.each(DTYPES)('have the names of the graph, in %s', async (dtype) => {
    const model = await createModel(network(), { input, loss, dtype })
    shake(model)
    const x = examplesOf(model, 4) as any
    for (const probabilities of [false, true]) {
      const wanted = model.predict(x, { probabilities })
      const outputs = await run(toOnnx(model, { probabilities }), x, 4)
      expect(Object.keys(outputs)).toEqual(['kind', 'price', 'air'])
      for (const [name, { shape, data }] of Object.entries(wanted)) {
        expect(outputs[name].dims).toEqual(shape)
        expect(difference(outputs[name].data, data)).toBeLessThan(TOLERANCE[dtype])
      }
    }
  })

  test('may be one value under several names, or an input as it came', async () => {
    const twice = graph(['x', 'y'], ({ x, y }, use) => {
      const both = use('both', multiply(), x, y)
      return { a: both, b: both, c: x, y: use('y out', dense(2), both) }
    })
    const model = await createModel(twice, { ...still, input: { x: [3], y: [3] } })
    const x = examplesOf(model, 2) as any
    const wanted = model.predict(x) as any
    const outputs = await run(toOnnx(model), x, 2)
    // Nothing in a file may have the name of something else.
    expect(Object.keys(outputs)).toEqual(['a', 'b', 'c', 'y_1'])
    for (const name of ['a', 'b', 'c']) expect(outputs[name].data).toEqual([...wanted[name].data])
    expect(difference(outputs.y_1.data, wanted.y.data)).toBeLessThan(TOLERANCE.float64)
  })

  test('names of the user are in nobody’s way', async () => {
    const odd = graph(['0', 'weight', 'output'], ({ 0: first, weight, output }, use) => ({
      bias: use('a/Gemm', dense(2), use('', dense(3), use('input', concat(), first, weight, output))),
      shape: use('a', dense(2), first),
    }))
    const model = await createModel(odd, { ...still, input: { 0: [2], weight: [1], output: [2] } })
    const x = examplesOf(model, 2) as any
    const wanted = model.predict(x) as any
    const outputs = await run(toOnnx(model), x, 2)
    expect(difference(outputs.bias.data, wanted.bias.data)).toBeLessThan(TOLERANCE.float64)
    expect(difference(outputs.shape.data, wanted.shape.data)).toBeLessThan(TOLERANCE.float64)
  })

  test('a network of nothing gives its input', async () => {
    const model = await createModel(sequential(freeze(sequential())), { ...still, input: [3] })
    const x = noise(6)
    expect((await run(toOnnx(model), { input: x }, 2)).output.data).toEqual([...x])
  })
})

describe('probabilities', () => {
  /** Of scores that no layer of ours would give softmaxCrossEntropy. */
  const whole: Loss = { ...meanSquaredError(), probabilities: 'softmax' }

  test.each([
    ['of a label', dense(4), [3], softmaxCrossEntropy()],
    ['of a label at each position', dense(4), [5, 3], softmaxCrossEntropy()],
    ['of yes and no', dense(4), [3], binaryCrossEntropy()],
    ['of one of all values of an image, by a loss of one’s own', conv2d(2, { kernel: 1 }), [1, 2, 3], whole],
  ] as const)('%s', async (_, network, input, loss) => {
    const model = await createModel(network, { input, loss })
    shake(model)
    const { input: x } = examplesOf(model, 3)
    const { output } = await run(toOnnx(model, { probabilities: true }), { input: x }, 3)
    expect(difference(output.data, model.predict(x, { probabilities: true }).data)).toBeLessThan(TOLERANCE.float64)
  })

  test('are refused where the loss has none', async () => {
    const model = await createModel(dense(1), { input: [2], loss: meanSquaredError() })
    expect(() => toOnnx(model, { probabilities: true })).toThrow('toOnnx: meanSquaredError has no probabilities')
    expect(() => toOnnx(model)).not.toThrow()
  })
})

describe('lengths of rows', () => {
  const NETWORKS: readonly (readonly [string, () => Layer])[] = [
    ['rnn, every step', () => sequential(rnn(3, { output: 'all', bidirectional: true }), flatten(), dense(2))],
    ['rnn, the last step', () => sequential(dense(4), tanh(), rnn(3), dense(2))],
    ['lstm, every step', () => sequential(lstm(3, { output: 'all', bidirectional: true }), lstm(2), dense(2))],
    ['lstm, the last step', () => lstm(3, { bidirectional: true })],
    ['gru, every step', () => sequential(gru(3, { output: 'all' }), residual(dense(3)), flatten())],
    ['gru, the last step', () => gru(3, { bidirectional: true })],
    ['attention', () => sequential(dense(4), residual(attention({ heads: 2 })), flatten(), dense(3))],
    ['the mean over the steps', () => sequential(gru(3, { output: 'all' }), mean(), dense(2))],
    ['attention that is causal', () => sequential(attention({ causal: true }), flatten(), dense(3))],
  ]
  const lengths = Int32Array.of(6, 1, 3, 5)

  describe.each(DTYPES)('in %s', (dtype) => {
    test.each(NETWORKS)('%s', async (_, network) => {
      const model = await createModel(network(), { ...still, input: [6, 2], dtype })
      shake(model)
      const { input } = examplesOf(model, 4)
      const bytes = toOnnx(model, { lengths: true })
      expect(namesOf(graphOf(bytes).input)).toEqual(['input', 'lengths'])
      const { output } = await run(bytes, { input, lengths }, 4)
      const wanted = model.predict(input, { lengths })
      expect(difference(output.data, wanted.data)).toBeLessThan(TOLERANCE[dtype])
      expect(difference(wanted.data, model.predict(input).data)).toBeGreaterThan(1e-3)
    })

    test('of one of two sequences', async () => {
      const network = graph(['x', 'memory'], ({ x, memory }, use) =>
        use('head', sequential(flatten(), dense(2)), use('cross', attention(), x, use('wide', dense(4), memory))),
      )
      const model = await createModel(network, { ...still, input: { x: [3, 4], memory: [6, 2] }, dtype })
      shake(model)
      const x = examplesOf(model, 4) as any
      const bytes = toOnnx(model, { lengths: true })
      expect(namesOf(graphOf(bytes).input)).toEqual(['x', 'memory', 'lengths.memory'])
      const { output } = await run(bytes, { ...x, 'lengths.memory': lengths }, 4)
      const wanted = model.predict(x, { lengths: { memory: lengths } })
      expect(difference(output.data, wanted.data)).toBeLessThan(TOLERANCE[dtype])
    })
  })

  test('are refused where nothing heeds them', async () => {
    const model = await small()
    const message = 'toOnnx: no layer of this network heeds the lengths of rows; leave lengths out'
    expect(() => toOnnx(model, { lengths: true })).toThrow(message)
  })
})

describe('layers of one’s own', () => {
  const doubled = (): Layer => ({
    kind: 'doubled',
    config: { by: 2 },
    plan(x, plan) {
      const y = plan.value(x.shape)
      plan.forward('add', { sizes: [x.size], reads: [x, x], writes: [y] })
      return y
    },
  })
  const network = () => sequential({ body: sequential(dense(3), doubled()), head: dense(2) })

  test('are refused by path and kind', async () => {
    const model = await createModel(network(), { ...still, input: [2], batch: 1 })
    expect(() => toOnnx(model)).toThrow(
      "toOnnx: the layer 'doubled' at 'body.1' is not one of this library; say how it is written: " +
        'toOnnx(model, { layers: { doubled: (layer, x) => layer.node(...) } })',
    )
  })

  test('are written by what is handed in', async () => {
    const model = await createModel(network(), { ...still, input: [2], batch: 1 })
    const bytes = toOnnx(model, {
      layers: { doubled: (layer, x) => layer.node('Mul', [x, layer.scalar('by', layer.config.by)], x.shape) },
    })
    expect(namesOf(graphOf(bytes).node)).toContain('body.1/Mul')
    const x = noise(2)
    const { output } = await run(bytes, { input: x }, 1)
    expect(difference(output.data, model.predict(x).data)).toBeLessThan(TOLERANCE.float64)
  })

  test('must give a value, of the right shape', async () => {
    const model = await createModel(network(), { ...still, input: [2], batch: 1 })
    expect(() => toOnnx(model, { layers: { doubled: () => 3 as never } })).toThrow(
      'toOnnx: what layers.doubled gives must be a value, as layer.node gives one, got 3',
    )
    const alone = await createModel(doubled(), { ...still, input: [2], batch: 1 })
    expect(() => toOnnx(alone, { layers: { doubled: (layer, x) => layer.node('Relu', [x], [7]) } })).toThrow(
      "toOnnx: the output is of (7), but the model's is (2)",
    )
  })
})

describe('what is refused', () => {
  const refused = async (network: Layer, input: readonly number[], text: string) => {
    const model = await createModel(network, { ...still, input })
    expect(() => toOnnx(model)).toThrow(PlanError)
    expect(() => toOnnx(model)).toThrow(text)
  }

  test('a stateful layer', () =>
    refused(sequential(gru(2, { stateful: true })), [3, 2], 'toOnnx: 0 gru: is stateful, but a file of ONNX'))

  test('but not the same weights in one that is not', async () => {
    const options = { ...still, input: [3, 2] } as const
    const stateful = await createModel(gru(2, { stateful: true }), options)
    const model = await createModel(gru(2), options)
    model.load(stateful.save())
    const x = noise(6)
    const { output } = await run(toOnnx(model), { input: x }, 1)
    expect(difference(output.data, stateful.predict(x).data)).toBeLessThan(TOLERANCE.float64)
  })

  test('weights that are no numbers', async () => {
    const model = await small()
    model.parameters['0.bias'].data[1] = NaN
    expect(() => toOnnx(model)).toThrow("the parameter '0.bias'")
    expect(() => toOnnx(model, { allowNonFinite: true })).not.toThrow()
  })

  test('weights that float32 cannot hold', async () => {
    const model = await small()
    model.parameters['2.weight'].data[3] = 1e300
    expect(() => toOnnx(model)).not.toThrow()
    expect(() => toOnnx(model, { dtype: 'float32' })).toThrow(
      "toOnnx: '2.weight' has 1e+300, at 3, which float32 cannot hold; take dtype: 'float64'",
    )
  })

  test('weights of 2 GiB', () => {
    expect(() => checkSize(2 ** 29 - 2 ** 23, 'float32')).not.toThrow()
    expect(() => checkSize(2 ** 29, 'float32')).toThrow(
      /^toOnnx: the weights take 2147483648 bytes, but a file of ONNX holds less than 2 GiB$/,
    )
    expect(() => checkSize(2 ** 28, 'float64')).toThrow("less than 2 GiB; take dtype: 'float32'")
  })

  test('a parameter that an emitter asks for, and nobody has', async () => {
    const model = await createModel(sequential(dense(2)), { ...still, input: [2] })
    expect(() => toOnnx(model, { layers: { dense: (layer) => layer.parameter('weights') } })).toThrow(
      "toOnnx: the model has no '0.weights'; it has 0.weight, 0.bias",
    )
  })

  test('options that are none', async () => {
    const model = await createModel(dense(1), {
      input: [1],
      loss: meanSquaredError(),
      optimizer: adam({ learningRate: 1 }),
    })
    const bad = (options: object, text: string) => expect(() => toOnnx(model, options)).toThrow(text)
    bad({ opset: 18 }, 'toOnnx')
    bad({ batch: 0 }, 'toOnnx: batch must be')
    bad({ dtype: 'float16' }, 'toOnnx: dtype must be')
    bad({ layers: [] }, 'toOnnx: layers must be an object of functions by kind')
    bad({ layers: { a: 1 } }, 'toOnnx: layers.a must be a function')
    expect(() => toOnnx({} as AnyModel)).toThrow('toOnnx: wants a model of createModel')
    model.close()
    expect(() => toOnnx(model)).toThrow('toOnnx: this model was closed')
  })
})
