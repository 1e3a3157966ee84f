// Graphs as data: what they are, what they read back as, and what is wrong with them.
import { describe, expect, test } from 'vitest'
import {
  type Handle,
  type Layer,
  PlanError,
  type Use,
  add,
  batchNorm,
  concat,
  conv2d,
  createModel,
  dense,
  describe as describeModel,
  flatten,
  freeze,
  graph,
  loadModel,
  meanSquaredError,
  multiply,
  relu,
  residual,
  sequential,
  sigmoid,
  softmax,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { graphOf } from '../../src/layers/graph'
import { layerOf } from '../../src/model/registry'

const reader = {
  where: 'test',
  from: '',
  Fault: PlanError as any,
  cure: () => 'no cure',
  initializer: (_kind: string, _config: object, known: () => any) => known(),
  layers: {},
}
/** A network from the JSON of another. */
const again = (layer: object): Layer => layerOf(reader, JSON.parse(JSON.stringify(layer)))

const shapesOf = (layer: Layer, input: number[]) => describeModel(layer, { input }).shapes

const gate = () =>
  graph(['x'], ({ x }, use) => {
    const cell = sequential({ w: dense(4), act: relu() })
    const twice = use('cell', cell, use('cell', cell, x))
    return use('out', dense(2), use('all', concat(), use('gated', multiply(), twice, x), use('sum', add(), twice, x)))
  })

describe('a graph is plain data', () => {
  test('its JSON', () => {
    const network = graph(['a', 'b'], ({ a, b }, use) => {
      const eye = dense(3)
      return { sum: use('', add(), use('eye', eye, a), use('eye', eye, b)), second: use('second', relu(), b) }
    })
    expect(JSON.parse(JSON.stringify(network)).config).toEqual({
      inputs: ['a', 'b'],
      uses: [
        { name: 'eye', of: ['a'], kind: 'dense', config: { units: 3, bias: true } },
        { name: 'eye', of: ['b'] },
        { name: '', of: ['eye', 'eye#2'], kind: 'add', config: {} },
        { name: 'second', of: ['b'], kind: 'relu', config: {} },
      ],
      outputs: { sum: '', second: 'second' },
    })
    expect(network.names).toEqual({ inputs: ['a', 'b'], outputs: ['sum', 'second'] })
  })

  test('reads back, within others too', async () => {
    const network = sequential({
      first: gate(),
      up: dense(4),
      second: residual(gate(), dense(2)),
      again: dense(4),
      third: freeze(gate()),
    })
    const read = again(network)
    expect(JSON.stringify(read)).toBe(JSON.stringify(network))
    expect(shapesOf(read, [4])).toEqual(shapesOf(network, [4]))
  })

  test('is a layer like any other, in a sequential and around one', () => {
    const inner = graph(['x'], ({ x }, use) => use('', sequential({ a: dense(3), b: relu() }), x))
    expect(Object.keys(shapesOf(sequential(inner, sequential(inner2(), dense(1))), [4]))).toEqual([
      '0.a.weight',
      '0.a.bias',
      '1.0.b.c.weight',
      '1.0.b.c.bias',
      '1.1.weight',
      '1.1.bias',
    ])
  })
  const inner2 = () => graph(['x'], ({ x }, use) => use('b', sequential({ c: dense(3) }), x))

  test('a graph of several inputs may be used in another', () => {
    const pair = graph(['a', 'b'], ({ a, b }, use) => use('out', dense(2), use('both', concat(), a, b)))
    const outer = graph(['x', 'y'], ({ x, y }, use) =>
      use('sum', add(), use('pair', pair, x, y), use('pair', pair, y, x)),
    )
    expect(describeModel(outer, { input: { x: [3], y: [3] } }).shapes).toEqual({
      'pair.out.weight': [2, 6],
      'pair.out.bias': [2],
    })
  })

  test('its own name of one output is a name', async () => {
    const network = graph(['x'], ({ x }, use) => ({ only: use('only', dense(1), x) }))
    const model = await createModel(network, { input: [2], loss: { only: meanSquaredError() } })
    expect(model.predict([1, 2]).only.shape).toEqual([1, 1])
    const loaded = await loadModel<'float64', false, never, 'only'>(model.save())
    expect(loaded.predict([1, 2])).toEqual(model.predict([1, 2]))
  })

  test('a value may be two outputs, and an input an output', async () => {
    const network = graph(['x'], ({ x }, use) => {
      const y = use('y', dense(2), x)
      return { first: y, second: y, third: x }
    })
    const model = await createModel(network, { input: [2] })
    const { first, second, third } = model.forward([1, 2])
    expect(first.data).toEqual(second.data)
    expect([...third.data]).toEqual([1, 2])
    const dx = model.backward({ first: [1, 0], second: [2, 0], third: [5, 7] })
    const w = model.parameters['y.weight'].data
    expect([...dx.data]).toEqual([3 * w[0] + 5, 3 * w[1] + 7])
    expect([...model.gradients['y.bias'].data]).toEqual([3, 0])
  })
})

test('what reads a value decides its first weights: a ReLU among others', async () => {
  const std = async (ahead: (use: Use, y: Handle) => Handle) => {
    const network = graph(['x'], ({ x }, use) => ahead(use, use('w', dense(2000, { bias: false }), x)))
    const { data } = (await createModel(network, { input: [50], batch: 1 })).parameters['w.weight']
    return Math.sqrt(data.reduce((sum, v) => sum + v * v, 0) / data.length)
  }
  const he = Math.sqrt(2 / 50)
  const xavier = Math.sqrt(2 / 2050)
  expect(await std((use, y) => use('r', relu(), y))).toBeCloseTo(he, 2)
  expect(await std((use, y) => use('s', sigmoid(), y))).toBeCloseTo(xavier, 2)
  expect(await std((use, y) => use('sum', add(), use('r', relu(), y), use('s', sigmoid(), y)))).toBeCloseTo(he, 2)
  // Behind it is the end.
  expect(await std((use, y) => use('sum', add(), y, use('s', softmax(), y)))).toBeLessThan(xavier * 1.1)
})

describe('residual and concat are graphs', () => {
  test('the same bits, memory and calls', async () => {
    const x = Float64Array.from({ length: 3 * 16 }, (_, i) => Math.sin(i))
    const short = sequential({
      stem: conv2d(2, { kernel: 1 }),
      block: residual(sequential(conv2d(2, { kernel: 3, pad: 1 }), batchNorm()), conv2d(2, { kernel: 1 })),
      side: concat({ a: conv2d(1, { kernel: 1 }), b: sequential() }),
      end: sequential(flatten(), dense(2)),
    })
    const long = sequential({
      stem: conv2d(2, { kernel: 1 }),
      block: graph(['x'], ({ x }, use) =>
        use(
          '',
          add(),
          use('body', sequential(conv2d(2, { kernel: 3, pad: 1 }), batchNorm()), x),
          use('shortcut', conv2d(2, { kernel: 1 }), x),
        ),
      ),
      side: graph(['x'], ({ x }, use) =>
        use('', concat(), use('a', conv2d(1, { kernel: 1 }), x), use('b', sequential(), x)),
      ),
      end: sequential(flatten(), dense(2)),
    })
    const options = { input: [1, 4, 4], batch: 3, loss: meanSquaredError(), seed: 4 }
    const [one, other] = [await createModel(short, options), await createModel(long, options)]
    expect(other.memory).toEqual(one.memory)
    expect(other.forward(x, { training: true })).toEqual(one.forward(x, { training: true }))
    const dy = [1, -1, 2, 0.5, 3, 1]
    expect(other.backward(dy)).toEqual(one.backward(dy))
    expect(other.gradients).toEqual(one.gradients)
    expect(other.summary()).toBe(one.summary())
  })
})

describe('what is wrong is said', () => {
  const dead = relu()
  const shared = dense(3)
  const foreign = (() => {
    let kept: Handle
    graph(['x'], ({ x }) => (kept = x))
    return () => kept
  })()
  const made: [string, () => unknown, RegExp][] = [
    ['no inputs', () => graph([], () => ({}) as never), /^graph: wants the names of its inputs first/],
    ['no list', () => graph('x' as never, () => ({}) as never), /^graph: wants the names of its inputs first/],
    ['an input twice', () => graph(['x', 'x'], ({ x }) => x), /^graph: each input has a name of its own, got x, x/],
    ['an input without a name', () => graph([''], () => ({}) as never), /^graph: the name of an input must not be ''/],
    ['an input with a dot', () => graph(['a.b'], () => ({}) as never), /^graph: 'a\.b' is no name/],
    ['no function', () => graph(['x'], 3 as never), /^graph: must be a function|^graph: .*function/],
    ['an async function', () => graph(['x'], (async () => ({})) as never), /^graph: .* is a promise/],
    ['nothing', () => graph(['x'], () => undefined as never), /^graph: what its function gives, .* got undefined/],
    ['no output', () => graph(['x'], () => ({})), /^graph: it has no output/],
    [
      'an output that is none',
      () => graph(['x'], () => ({ y: 3 as never })),
      /^graph: the output 'y' must be a handle .* got 3/,
    ],
    ['an input that nobody reads', () => graph(['x', 'y'], ({ x }) => x), /^graph: nobody reads the input 'y'/],
    [
      'a value that nobody reads',
      () => graph(['x'], ({ x }, use) => (use('dead', dead, x), use('y', dense(1), x))),
      /^graph: nobody reads what use 'dead' gives/,
    ],
    [
      'a name of two layers',
      () => graph(['x'], ({ x }, use) => use('a', dense(1), use('a', dense(1), x))),
      /^graph: 'a' is the name of two layers; give one of them another, or use the same layer twice to share/,
    ],
    [
      'the name of an input',
      () => graph(['x'], ({ x }, use) => use('x', dense(1), x)),
      /^graph: 'x' is the name of an input/,
    ],
    [
      'a name that the second use of another has',
      () => graph(['x'], ({ x }, use) => use('a', shared, use('a', shared, use('a#2', relu(), x)))),
      /^graph: 'a#2' is the name of a use already/,
    ],
    [
      'a handle of another graph',
      () => graph(['y'], ({ y }, use) => use('a', add(), y, foreign())),
      /the handle 'x' of another graph/,
    ],
    [
      'no handle',
      () => graph(['x'], (_, use) => use('a', relu(), 'x' as never)),
      /^graph: use 'a': what it reads, at 0, must be a handle/,
    ],
    [
      'no layer',
      () => graph(['x'], ({ x }, use) => use('a', relu as never, x)),
      /^graph: use 'a': wants a layer, got function; call it: relu\(\)/,
    ],
    [
      'use when all is over',
      () => {
        let late: Use
        const network = graph(['x'], ({ x }, use) => ((late = use), use('a', relu(), x)))
        return late!('b', network, foreign())
      },
      /^graph: use is for the function of graph/,
    ],
  ]
  test.each(made)('made: %s', (_, make, message) => {
    expect(make).toThrow(message)
    expect(make).toThrow(PlanError)
  })

  const plan =
    (layer: unknown, input: unknown = [4]) =>
    () =>
      describeModel(layer as Layer, { input } as never)
  const planned: [string, () => unknown, RegExp][] = [
    [
      'a joining layer in a sequential',
      plan(sequential(dense(2), concat())),
      /^sequential\.1 concat: takes 2 inputs or more, got 1; it joins/,
    ],
    ['a joining layer alone', plan(add()), /^add: takes 2 inputs or more, got 1/],
    [
      'two values for one layer',
      plan(graph(['x'], ({ x }, use) => use('a', dense(2), x, x))),
      /^graph: 'a' dense: takes 1 input, got 2; join them before/,
    ],
    [
      'a graph with several outputs in another',
      plan(sequential(graph(['x'], ({ x }, use) => ({ a: use('a', dense(1), x), b: x })) as never)),
      /^sequential: '0' gives several outputs, which only a whole network may/,
    ],
    [
      'shapes that do not fit, with the path and who gives them',
      plan(sequential(graph(['x'], ({ x }, use) => use('sum', add(), use('a', dense(3), x), x)))),
      /^sequential\.0\.sum add: 'a' gives \(3\), but 'x' gives \(4\); they must be of one shape$/,
    ],
    [
      'weights that are used on another shape',
      plan(graph(['x'], ({ x }, use) => use('a', shared, use('a', shared, x)))),
      /^graph\.a dense: 'a\.weight' is \(3, 4\) where this layer is used first, but \(3, 3\) here; give it another name/,
    ],
    [
      'one layer under two names',
      plan(graph(['x'], ({ x }, use) => use('b', dead, use('a', dead, x)))),
      /^describe: one relu layer is in two places, graph\.a and graph\.b, .* make another .* use it twice in a graph under one name/,
    ],
    [
      'one layer in two places of a sequential',
      plan(sequential(shared, relu(), shared)),
      /^describe: one dense layer is in two places, sequential\.0 and sequential\.2, .*make another.* or, .* use\(name, layer, a\)/,
    ],
  ]
  test.each(planned)('planned: %s', (_, make, message) => {
    expect(make).toThrow(message)
    expect(make).toThrow(PlanError)
  })

  const relus = (uses: unknown, outputs: unknown = 'a', inputs: unknown = ['x']) => ({ inputs, uses, outputs })
  const one = (name: string, ...of: unknown[]) => ({ name, of, kind: 'relu', config: {} })
  const data: [string, unknown, RegExp][] = [
    ['nothing', undefined, /^graph: wants the names of its inputs first/],
    ['uses that are none', relus(3), /^graph: uses must be a list of/],
    ['a use that is none', relus([null]), /^graph: a use must be \{ name, of, kind, config \}, got null/],
    ['a use of nothing', relus([{ name: 'a', kind: 'relu' }]), /^graph: what use 'a' reads must be a list/],
    ['a name that is none', relus([one(3 as never, 'x')]), /^graph: 3 is no name/],
    [
      'a cycle',
      relus([one('a', 'b'), one('b', 'a')]),
      /^graph: use 'a' reads 'b', which comes behind it: a graph has no cycles/,
    ],
    [
      'a cycle of one',
      relus([one('a', 'a')]),
      /^graph: use 'a' reads 'a', which comes behind it: a graph has no cycles/,
    ],
    ['a name that is missing', relus([one('a', 'z')]), /^graph: use 'a' reads 'z', which nothing in this graph gives/],
    ['a reference that is none', relus([one('a', 7)]), /^graph: use 'a' reads 7, which nothing/],
    [
      'an output that nobody computes',
      relus([one('a', 'x')], 'b'),
      /^graph: nobody computes the output: nothing in this graph gives "b"/,
    ],
    [
      'a named output that nobody computes',
      relus([one('a', 'x')], { y: 'b' }),
      /^graph: nobody computes the output 'y'/,
    ],
    ['outputs that are none', relus([one('a', 'x')], 3), /^graph: outputs must be an id, or ids by name, got 3/],
    ['a second use without a first', relus([{ name: 'a', of: ['x'] }]), /^graph: use 'a' has no layer/],
    ['two layers of one name', relus([one('a', 'x'), one('a', 'a')], 'a#2'), /^graph: 'a' is the name of two layers/],
    ['a value that nobody reads', relus([one('a', 'x'), one('b', 'x')]), /^graph: nobody reads what use 'b' gives/],
  ]
  test.each(data)('read: %s', (_, config, message) => {
    const read = () => graphOf(config, () => relu())
    expect(read).toThrow(message)
    expect(read).toThrow(PlanError)
  })
})

test('a few lines that would be more than any time suffices for are refused, and many ways to the end are not walked', () => {
  let network: Layer = sequential(dense(2), relu())
  for (let i = 0; i < 40; i++) {
    const inner = network
    network = graph(['x'], ({ x }, use) => use('a', inner, use('a', inner, x)))
  }
  expect(() => describeModel(network, { input: [2] })).toThrow(/more than 100000 layers, each use of one counted/)
  const ladder = graph(['x'], ({ x }, use) => {
    let y = use('start', relu(), use('in', dense(2), x))
    for (let i = 0; i < 60; i++) y = use(`sum ${i}`, add(), y, y)
    return y
  })
  const loss = softmaxCrossEntropy()
  expect(() => describeModel(ladder, { input: [2], loss })).toThrow(
    /graph\.start relu comes before softmaxCrossEntropy/,
  )
  const uses = Array.from({ length: 10_001 }, (_, i) => ({
    name: `${i}`,
    of: [i ? `${i - 1}` : 'x'],
    kind: 'relu',
    config: {},
  }))
  const read = () => graphOf({ inputs: ['x'], uses, outputs: '10000' }, () => relu())
  expect(read).toThrow(/^graph: the number of uses must be at most 10000, got 10001/)
})

test('one input goes without its name', async () => {
  const network = graph(['x'], ({ x }, use) => use('y', dense(1), x))
  await createModel(network, { input: [3] })
  const named = createModel(network, { input: { x: [3] } as never })
  await expect(named).rejects.toThrow(/^createModel: input must be a shape, .* it goes without its name$/)
})
