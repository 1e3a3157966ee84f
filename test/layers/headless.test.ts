// Networks without their last layers: what is left, and that it has the weights of the whole by their names.
import { describe as group, expect, test } from 'vitest'
import * as architectures from '../../src/entries/architectures'
import {
  type Layer,
  add,
  concat,
  conv2d,
  createModel,
  dense,
  describe,
  dropout,
  flatten,
  freeze,
  globalAvgPool2d,
  graph,
  headless,
  relu,
  residual,
  sequential,
  softmax,
} from '../../src/entries/index'

const { alexNet, cifarResNet20, googLeNet, lenet5, mobileNetV1, mobileNetV2, resNet18, resNet50, vgg11 } = architectures
const image = [3, 224, 224]

group('without until, what classifies is gone', () => {
  test.each<[string, () => Layer, number[], number[], string[]]>([
    ['alexNet', alexNet, image, [4096], ['classifier.6.weight', 'classifier.6.bias']],
    ['vgg11', vgg11, image, [4096], ['classifier.6.weight', 'classifier.6.bias']],
    ['googLeNet', googLeNet, image, [1024], ['fc.weight', 'fc.bias']],
    ['resNet18', resNet18, image, [512], ['fc.weight', 'fc.bias']],
    ['resNet50', resNet50, image, [2048], ['fc.weight', 'fc.bias']],
    ['mobileNetV1', mobileNetV1, image, [1024], ['classifier.weight', 'classifier.bias']],
    ['mobileNetV2', mobileNetV2, image, [1280], ['classifier.1.weight', 'classifier.1.bias']],
    ['cifarResNet20', cifarResNet20, [3, 32, 32], [64], ['fc.weight', 'fc.bias']],
    ['lenet5', lenet5, [1, 28, 28], [84], ['fc3.weight', 'fc3.bias']],
  ])('%s', (_, network, input, output, gone) => {
    const [whole, left] = [describe(network(), { input }), describe(headless(network()), { input })]
    expect(left.output).toEqual(output)
    // Nothing behind: no dropout either.
    expect(left.layers.at(-1)!.kind).not.toBe('dropout')
    const names = Object.keys(whole.shapes).filter((name) => !(name in left.shapes))
    expect(names).toEqual(gone)
    for (const [name, shape] of Object.entries(left.shapes)) expect(whole.shapes[name]).toEqual(shape)
  })

  test('what comes behind the last dense layer goes with it, and what is frozen stays so', () => {
    const network = sequential(flatten(), freeze(sequential({ a: dense(4), drop: dropout() })), dense(3), softmax())
    const left = headless(network)
    expect(JSON.stringify(left)).toBe(
      JSON.stringify(sequential(flatten(), freeze(sequential({ a: dense(4), drop: dropout() })))),
    )
    expect(JSON.stringify(headless(freeze(sequential(relu(), dense(3)))))).toBe(
      JSON.stringify(freeze(sequential(relu()))),
    )
  })

  test('is an error where nothing, or no dense layer, is there', () => {
    expect(() => headless(sequential(dropout(), dense(3)))).toThrow(/^headless: nothing is left before the last dense/)
    expect(() => headless(dense(3))).toThrow(/^headless: nothing is left .* as until/)
    expect(() => headless(sequential(relu()))).toThrow(/^headless: there is no dense layer to take away/)
    expect(() => headless(sequential(flatten(), residual(dense(3))))).toThrow(
      /^headless: '1\.body' lies in a residual, which cannot end there/,
    )
  })
})

group('until', () => {
  test.each<[string, Layer, string, number[]]>([
    ['a part', mobileNetV2(), 'features', [1280, 7, 7]],
    ['a layer within', mobileNetV2(), 'features.3', [24, 56, 56]],
    ['a name within names that add nothing', resNet18(), 'layer4.0', [512, 7, 7]],
    ['a stage', resNet50(), 'layer2', [512, 28, 28]],
    ['the middle of a classifier', vgg11(), 'classifier.0', [4096]],
  ])('%s', (_, network, until, output) => {
    expect(describe(headless(network, { until }), { input: image }).output).toEqual(output)
  })

  test('gives what the layer gave in the whole', async () => {
    const whole = cifarResNet20({ classes: 3 })
    const x = Float64Array.from({ length: 2 * 3 * 16 * 16 }, (_, i) => Math.sin(i))
    const options = { input: [3, 16, 16], batch: 2, inference: true } as const
    const [model, body] = [await createModel(whole, options), await createModel(headless(whole), options)]
    const { missing, mismatched, unexpected } = body.load(model.save(), { strict: false })
    expect([missing, mismatched, unexpected]).toEqual([[], [], ['fc.weight', 'fc.bias']])
    const tail = await createModel(sequential({ fc: dense(3) }), { input: [64], batch: 2, inference: true })
    tail.load(model.save(), { strict: false })
    expect(tail.predict(body.predict(x).data).data).toEqual(model.predict(x).data)
  })

  test('an error names the layers that there are, and what cannot end', () => {
    expect(() => headless(mobileNetV2(), { until: 'feature' })).toThrow(
      /^headless: there is no layer 'feature'; there are 'features', 'avgpool', 'classifier'/,
    )
    expect(() => headless(mobileNetV2(), { until: 'features.99' })).toThrow(/there is no layer 'features\.99'/)
    expect(() => headless(resNet18(), { until: 'layer1.0.conv1' })).toThrow(
      /^headless: 'layer1\.0' lies in a residual, which cannot end there/,
    )
    expect(() => headless(resNet18(), { until: 4 as never })).toThrow(/^headless: until must be the name of a layer/)
    expect(() => headless(relu as never)).toThrow(/^headless: the network is not a layer, but function/)
  })
})

group('a graph', () => {
  const network = () =>
    graph(['x'], ({ x }, use) => {
      const eye = sequential(conv2d(4, { kernel: 3 }), relu())
      const seen = use('eye', eye, x)
      const pooled = use('pool', globalAvgPool2d(), seen)
      const both = use('both', concat(), pooled, use('flat', globalAvgPool2d(), use('more', relu(), seen)))
      return use('head', sequential(dense(8), relu(), dropout(), dense(3)), both)
    })
  const shapes = (layer: Layer) => describe(layer, { input: [2, 6, 6] })

  test('ends before its last dense layer', () => {
    expect(shapes(headless(network())).output).toEqual([8])
    expect(Object.keys(shapes(headless(network())).shapes)).toEqual([
      'eye.0.weight',
      'eye.0.bias',
      'head.0.weight',
      'head.0.bias',
    ])
  })

  test('ends at a use, without those that nobody needs', () => {
    const left = headless(network(), { until: 'pool' })
    expect(shapes(left).output).toEqual([4])
    expect((left.config as { uses: { name: string }[] }).uses.map(({ name }) => name)).toEqual(['eye', 'pool'])
    expect(shapes(headless(network(), { until: 'eye.0' })).output).toEqual([4, 4, 4])
    expect(shapes(headless(network(), { until: 'both' })).output).toEqual([8])
  })

  test('a second use becomes the first; a shared layer cannot end in its middle', () => {
    const shared = sequential({ a: dense(3), b: relu() })
    const twice = graph(['x', 'y'], ({ x, y }, use) => {
      return use('sum', add(), use('eye', shared, x), use('eye', shared, y))
    })
    // Of one input: a layer.
    const left = headless(twice, { until: 'eye#2' }) as unknown as Layer
    expect(describe(left, { input: [5] }).output).toEqual([3])
    expect(Object.keys(describe(left, { input: [5] }).shapes)).toEqual(['eye.a.weight', 'eye.a.bias'])
    expect(() => headless(twice, { until: 'eye.a' })).toThrow(
      /^headless: 'eye' lies in a layer that the graph uses twice/,
    )
  })

  test('several outputs want until', () => {
    const two = graph(['x'], ({ x }, use) => ({ a: use('a', dense(2), x), b: use('b', dense(3), x) }))
    expect(() => headless(two)).toThrow(/^headless: a graph has several outputs/)
    expect(describe(headless(two, { until: 'b' }), { input: [4] }).output).toEqual([3])
  })
})
