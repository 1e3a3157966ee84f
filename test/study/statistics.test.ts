// activationStatistics: right numbers, and the model left as it was.
import { describe, expect, test } from 'vitest'
import {
  type Model,
  activationStatistics,
  batchNorm,
  concat,
  constant,
  conv2d,
  dense,
  flatten,
  freeze,
  maxPool2d,
  relu,
  residual,
  sequential,
  sigmoid,
  tanh,
} from '../../src/entries/index'
import { learnable, classifier as make, randomData } from '../support/models'

const momentsOf = (values: ArrayLike<number>) => {
  const all = Array.from(values)
  const mean = all.reduce((sum, v) => sum + v, 0) / all.length
  return { mean, std: Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length) }
}

const expectMoments = (got: { mean: number; std: number } | undefined, values: ArrayLike<number>) => {
  const { mean, std } = momentsOf(values)
  expect(got?.mean).toBeCloseTo(mean, 12)
  expect(got?.std).toBeCloseTo(std, 12)
}

describe('activationStatistics', () => {
  const data = learnable(12)

  test.each(['wasm', 'js'] as const)('are those of the layers by themselves, on %s', async (backend) => {
    const layers = () => [dense(6), tanh(), dense(5), relu(), dense(3)]
    const whole = await make(sequential(...layers()), { backend })
    const found = activationStatistics(whole, data.x, data.y)
    expect(found.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      '0 dense',
      '1 tanh',
      '2 dense',
      '3 relu',
      '4 dense',
    ])
    for (let depth = 1; depth <= 5; depth++) {
      const head = await make(sequential(...layers().slice(0, depth)), { loss: undefined, backend })
      head.load(whole.save(), { strict: false })
      for (const [name, { data: values }] of Object.entries(head.parameters)) values.set(whole.parameters[name].data)
      expectMoments(found[depth - 1].activations, head.forward(data.x).data)
      // The gradient by a layer's output is that by the input of the rest.
      const output = head.forward(data.x).data.slice()
      if (depth === 5) continue
      const rest = await make(sequential(...layers().slice(depth)), { input: [output.length / 12], backend })
      Object.values(rest.parameters).forEach(({ data: values }, i, all) => {
        values.set(Object.values(whole.parameters).slice(-all.length)[i].data)
      })
      const scores = rest.forward(output).data
      const dy = scores.map((_, i) => {
        const row = Array.from(scores.subarray(3 * Math.floor(i / 3), 3 * Math.floor(i / 3) + 3))
        const sum = row.reduce((s, v) => s + Math.exp(v), 0)
        return (Math.exp(scores[i]) / sum - (Number(data.y[Math.floor(i / 3)]) === i % 3 ? 1 : 0)) / 12
      })
      expectMoments(found[depth - 1].gradients, rest.backward(dy).data)
    }
  })

  test('of layers that do the work of others, in branches and frozen', async () => {
    const network = sequential(
      freeze(conv2d(2, { kernel: 1 })),
      residual(sequential(conv2d(2, { kernel: 3, pad: 1 }), batchNorm(), relu())),
      relu(),
      maxPool2d(2),
      flatten(),
      dense(3),
    )
    const model = await make(network, { input: [1, 4, 4] })
    const { x, y } = randomData(5, 16, 3)
    const found = activationStatistics(model, x, y)
    expect(found.map(({ path, kind }) => `${path} ${kind}`)).toEqual([
      '0 conv2d',
      '1.body.0 conv2d',
      '1.body.1 batchNorm + relu',
      '1 add',
      '2 relu',
      '3 maxPool2d',
      '4 flatten',
      '5 dense',
    ])
    // Nothing before the frozen layer is trained.
    expect(found[0].gradients).toBeUndefined()
    expect(found.slice(1).every(({ gradients }) => gradients!.std > 0)).toBe(true)
    // The pool does the work of this ReLU, whose values are shown all the same.
    const relued = activationStatistics(model, x, undefined, { bins: 4, range: [-1, 1] })[4].activations
    expect(relued.histogram!.counts.slice(0, 2)).toEqual([0, 0])
    expect(relued.mean).toBeGreaterThan(found[3].activations.mean)
  })

  /** By naive loops: dense layers of a model on rows of x. */
  const denseOf = ({ parameters }: Model<never>, path: string, x: number[][]) => {
    const { shape, data: w } = parameters[`${path}.weight`]
    const b = parameters[`${path}.bias`].data
    return x.map((row) => Array.from(b, (bias, i) => row.reduce((sum, v, j) => sum + v * w[i * shape[1] + j], bias)))
  }
  const denseBack = ({ parameters }: Model<never>, path: string, dy: number[][]) => {
    const { shape, data: w } = parameters[`${path}.weight`]
    return dy.map((row) =>
      Array.from({ length: shape[1] }, (_, j) => row.reduce((sum, v, i) => sum + v * w[i * shape[1] + j], 0)),
    )
  }
  const tanhBack = (y: number[][], dy: number[][]) => dy.map((row, i) => row.map((v, j) => v * (1 - y[i][j] ** 2)))

  test.each([
    ['after a trained one', ['trained', 'frozen']],
    ['before a trained one', ['frozen', 'trained']],
    ['between trained ones', ['trained', 'frozen', 'trained']],
  ] as const)('of a frozen branch %s, against naive loops', async (_, order) => {
    for (const isFirst of [true, false]) {
      const branch = () => sequential(dense(7), tanh(), dense(2))
      const branches = order.map((kind) => (kind === 'frozen' ? freeze(branch()) : branch()))
      const both = concat(...branches)
      const model = await make(isFirst ? sequential(both, dense(3)) : sequential(dense(5), both, dense(3)), {
        batch: 12,
      })
      const found = new Map(activationStatistics(model, data.x, data.y).map((layer) => [layer.path, layer]))

      const rows = Array.from({ length: 12 }, (_, i) => Array.from(data.x).slice(4 * i, 4 * i + 4))
      const x = isFirst ? rows : denseOf(model, '0', rows)
      const at = isFirst ? '0' : '1'
      const values = order.map((_, i) => {
        const first = denseOf(model, `${at}.${i}.0`, x)
        const second = first.map((row) => row.map(Math.tanh))
        return [first, second, denseOf(model, `${at}.${i}.2`, second)]
      })
      const joined = rows.map((_, row) => values.flatMap((layers) => layers[2][row]))
      const end = isFirst ? '1' : '2'
      const scores = denseOf(model, end, joined)
      const dScores = scores.map((row, i) => {
        const sum = row.reduce((s, v) => s + Math.exp(v), 0)
        return row.map((v, j) => (Math.exp(v) / sum - (data.y[i] === j ? 1 : 0)) / 12)
      })
      const dJoined = denseBack(model, end, dScores)
      expectMoments(found.get(at)!.gradients, dJoined.flat())
      order.forEach((kind, i) => {
        const dThird = dJoined.map((row) => row.slice(2 * i, 2 * i + 2))
        const dSecond = denseBack(model, `${at}.${i}.2`, dThird)
        const gradients = [tanhBack(values[i][1], dSecond), dSecond, dThird]
        for (const layer of [0, 1, 2]) {
          const { activations, gradients: got } = found.get(`${at}.${i}.${layer}`)!
          expectMoments(activations, values[i][layer].flat())
          // Of a frozen branch on the data there are none: nothing before them is trained.
          if (kind === 'frozen' && isFirst) expect(got).toBeUndefined()
          else expectMoments(got, gradients[layer].flat())
        }
      })
    }
  })

  test.each(['float64', 'float32'] as const)('of a frozen body, in %s, against naive loops', async (dtype) => {
    const digits = dtype === 'float64' ? 12 : 5
    // Nothing needs a value of the body for long: each takes the memory of one before.
    const body = () => [dense(6), tanh(), dense(5), tanh(), dense(4), tanh()]
    const head = await make(sequential(freeze(sequential(...body())), dense(3)), { batch: 12, dtype })
    const all = await make(freeze(sequential(...body(), dense(3))), { batch: 12, dtype })
    for (const model of [head, all] as Model<never>[]) {
      const found = activationStatistics(model as Model, data.x, data.y)
      expect(found.map(({ kind }) => kind)).toEqual([...body(), dense(3)].map(({ kind }) => kind))
      let values = Array.from({ length: 12 }, (_, i) => Array.from(data.x).slice(4 * i, 4 * i + 4))
      for (const { path, kind, activations, gradients } of found) {
        values = kind === 'tanh' ? values.map((row) => row.map(Math.tanh)) : denseOf(model, path, values)
        expect(activations.mean).toBeCloseTo(momentsOf(values.flat()).mean, digits)
        expect(activations.std).toBeCloseTo(momentsOf(values.flat()).std, digits)
        if (path !== '1') expect(gradients).toBeUndefined()
      }
    }
    expect(activationStatistics(head, data.x, data.y).at(-1)!.gradients!.std).toBeGreaterThan(0)
  })

  test('count dead and saturated units', async () => {
    const model = await make(sequential(dense(4, { init: constant(0) }), relu(), dense(2), sigmoid(), tanh(), dense(3)))
    const { weight, bias } = { weight: model.parameters['0.weight'], bias: model.parameters['0.bias'] }
    weight.data[0] = 1
    bias.data.set([0, 1, -1, 0])
    // Unit 0 fires for some, 1 for all, 2 and 3 never.
    model.parameters['2.weight'].data.fill(0)
    model.parameters['2.bias'].data.set([50, 0])
    const found = activationStatistics(model, learnable(16).x)
    expect(found.map(({ dead }) => dead)).toEqual([undefined, 0.5, undefined, undefined, undefined, undefined])
    expect(found[3].saturated).toBe(0.5)
    expect(found[4].saturated).toBe(0)
  })

  test('histograms count all values, those beyond the ends in the outer bins', async () => {
    const model = await make(sequential(dense(50), relu(), dense(3)))
    const [first, second] = activationStatistics(model, data.x, undefined, { bins: 10 })
    for (const { activations } of [first, second]) {
      const { counts, low, high } = activations.histogram!
      expect(counts.reduce((sum, v) => sum + v, 0)).toBe(600)
      expect([low, high]).toEqual([activations.mean - 3 * activations.std, activations.mean + 3 * activations.std])
    }
    const narrow = activationStatistics(model, data.x, undefined, { bins: 2, range: [0, 1e-300] })[1]
    expect(narrow.activations.histogram!.counts[0]).toBeGreaterThan(0)
  })

  test('neither overflow nor vanish', async () => {
    for (const scale of [1e200, 1e-200]) {
      const model = await make(dense(5, { init: constant(scale), bias: false }))
      const [{ activations }] = activationStatistics(model, [1, 0, 0, 0, -1, 0, 0, 0], undefined, { bins: 2 })
      expect(activations.mean).toBe(0)
      expect(activations.std / scale).toBeCloseTo(1, 12)
      expect(activations.histogram!.counts).toEqual([5, 5])
    }
    const model = await make(dense(2, { init: constant(1.6e308), bias: false }))
    const [{ activations }] = activationStatistics(model, [1, 0, 0, 0, -1, 0, 0, 0], undefined, { bins: 4 })
    expect(activations.std / 1.6e308).toBeCloseTo(1, 12)
    expect(activations.histogram).toEqual({ low: -Number.MAX_VALUE, high: Number.MAX_VALUE, counts: [2, 0, 0, 2] })
  })

  test('histograms of a single value, and of a NaN', async () => {
    const model = await make(dense(2, { init: constant(3), bias: false }))
    const [{ activations }] = activationStatistics(model, [1, 0, 0, 0], undefined, { bins: 3 })
    expect(activations).toEqual({ mean: 3, std: 0, histogram: { low: 3, high: 3, counts: [0, 2, 0] } })
    model.parameters.weight.data[0] = NaN
    const [spoilt] = activationStatistics(model, [1, 0, 0, 0], undefined, { bins: 3 })
    expect(spoilt.activations).toEqual({ mean: NaN, std: NaN, histogram: { low: NaN, high: NaN, counts: [0, 0, 0] } })
  })

  test('layers of the user have any kind', async () => {
    for (const kind of ['constructor', 'toString', '__proto__']) {
      const model = await make(sequential(dense(3), { ...tanh(), kind }))
      const found = activationStatistics(model, data.x)
      expect(found[1].kind).toBe(kind)
      expect(found[1].saturated).toBeUndefined()
    }
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'too many rows',
      async () => activationStatistics(await make(dense(3)), learnable(17).x, learnable(17).y),
      /17 rows/,
    ],
    [
      'a bad range',
      async () => activationStatistics(await make(dense(3)), data.x, data.y, { range: [1, 1] }),
      /low below/,
    ],
    [
      'an unknown option',
      async () => activationStatistics(await make(dense(3)), data.x, data.y, { x: 1 } as object),
      /'x'/,
    ],
    [
      'bad labels',
      async () => activationStatistics(await make(dense(3)), [1, 2, 3, 4], [7]),
      /the label of row 0 is 7/,
    ],
    [
      'a range of nothing',
      async () => activationStatistics(await make(dense(3)), data.x, data.y, { range: [0, 1] }),
      /^activationStatistics: range is that of histograms, of which there are none without bins$/,
    ],
    [
      'a range that is no list',
      async () => activationStatistics(await make(dense(3)), data.x, data.y, { range: '01' as never }),
      /^activationStatistics: range must be \[low, high\], low below high, got "01"/,
    ],
    [
      'too many bins',
      async () => activationStatistics(await make(dense(3)), data.x, data.y, { bins: 1e9 }),
      /bins must be an integer of at most 10000/,
    ],
    ['NaN', async () => activationStatistics(await make(dense(3)), [1, 2, NaN, 4]), /row 0 holds NaN/],
    [
      'a promise',
      async () => activationStatistics(make(dense(3)) as never, data.x),
      /^activationStatistics: the model is a promise: await createModel/,
    ],
    [
      'more arguments',
      async () =>
        (activationStatistics as (...args: unknown[]) => unknown)(await make(dense(3)), data.x, data.y, {}, 5),
      /^activationStatistics: takes 4 arguments, got another: 5/,
    ],
  ])('refuses %s', async (_, action, message) => {
    await expect(action()).rejects.toThrow(message)
  })
})
