// ONNX Runtime Web, on graphs written here. The current release only infers; the last build that could train, 1.19, has
// kernels for the gradients, and the training graph is spelled out below: what its Python tools, which are not part of
// the package, would have generated. Every call copies its inputs into the runtime's memory and its results out of it,
// as it does for a user.

import { keepLosses, mnistParameters, serve } from './child.mjs'
import { labels, product, values } from './values.mjs'

// What graphs of a few nodes need of ONNX's protobuf (onnx.proto): fields are numbered, values are varints (wire type
// 0), float32 (5), or a length and that many bytes (2).
const varint = (n) => (n < 128 ? [n] : [(n % 128) + 128, ...varint(Math.floor(n / 128))])
const int = (field, n) => [...varint(field * 8), ...varint(n)]
const float = (field, x) => [...varint(field * 8 + 5), ...new Uint8Array(Float32Array.of(x).buffer)]
const bytes = (field, content) => {
  const list = typeof content === 'string' ? [...Buffer.from(content)] : content.flat()
  return [...varint(field * 8 + 2), ...varint(list.length), ...list]
}
const TYPES = { float32: 1, int64: 7, float64: 11 }
const MICROSOFT = 'com.microsoft'

/** Lists are integers; so are numbers, except where the name says otherwise. */
function attribute([name, value]) {
  if (Array.isArray(value)) return bytes(5, [bytes(1, name), ...value.map((i) => int(8, i)), int(20, 7)])
  const isFloat = /epsilon|momentum|alpha|beta|lambda/.test(name)
  return bytes(5, [bytes(1, name), isFloat ? float(2, value) : int(3, value), int(20, isFloat ? 1 : 2)])
}
const node = (op, inputs, outputs, attributes = {}, domain = '') =>
  bytes(1, [
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, op),
    ...Object.entries(attributes).map(attribute),
    bytes(7, domain),
  ])
/** An input (field 11 of a graph), an output (12) or a value between (13). */
const valueInfo = (field, name, type, shape) => {
  const dimensions = shape
    ? [
        bytes(
          2,
          shape.map((size) => bytes(1, int(1, size))),
        ),
      ]
    : []
  return bytes(field, [bytes(1, name), bytes(2, bytes(1, [int(1, TYPES[type]), ...dimensions]))])
}
/** Shapes are inferred, except those of what MaxPoolGrad gives: `shapes` by name. */
function model(nodes, inputs, outputs, type, shapes = {}) {
  const between = Object.keys(shapes).filter((name) => !outputs.includes(name))
  const graph = [
    ...nodes,
    bytes(2, 'graph'),
    ...Object.entries(inputs).map(([name, tensor]) => valueInfo(11, name, tensor.type, tensor.dims)),
    ...outputs.map((name) => valueInfo(12, name, /^(step|index)/.test(name) ? 'int64' : type, shapes[name])),
    ...between.map((name) => valueInfo(13, name, type, shapes[name])),
  ]
  const opset = (domain, version) => bytes(8, [bytes(1, domain), int(2, version)])
  return Uint8Array.from([int(1, 8), bytes(7, graph), opset('', 14), opset(MICROSOFT, 1)].flat())
}

const POOL = { kernel_shape: [2, 2], strides: [2, 2] }
const ADAM = { alpha: 0.9, beta: 0.999, lambda: 0, epsilon: 1e-8, do_bias_correction: 1 }

serve(async ({ dtype, training }) => {
  // The package does not export its training build to Node, where it runs all the same.
  const ort = await import(training ? './node_modules/ort-training/dist/ort.training.wasm.min.mjs' : 'onnxruntime-web')
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'error'
  const Type = dtype === 'float64' ? Float64Array : Float32Array
  const tensor = (shape, data = values(product(shape), Type)) => new ort.Tensor(dtype, data, shape)
  const integers = (list) => new ort.Tensor('int64', BigInt64Array.from(list, BigInt), [list.length])
  const create = (nodes, inputs, outputs, shapes) =>
    ort.InferenceSession.create(model(nodes, inputs, outputs, dtype, shapes))

  /** A call that runs a graph on the same inputs each time. */
  async function runner(nodes, inputs, outputs, shapes) {
    const session = await create(nodes, inputs, outputs, shapes)
    return async () => void (await session.run(inputs))
  }
  const images = ({ n, c, h }) => tensor([n, c, h, h])

  function convolution({ n, c, h, f, kernel: k, pad, stride, dilation, groups, oh }) {
    return {
      inputs: { x: images({ n, c, h }), w: tensor([f, c / groups, k, k]) },
      dy: images({ n, c: f, h: oh }),
      b: tensor([f]),
      how: {
        kernel_shape: [k, k],
        pads: [pad, pad, pad, pad],
        strides: [stride, stride],
        dilations: [dilation, dilation],
        group: groups,
      },
    }
  }
  const norm = ({ c }) => ({ g: tensor([c]), b: tensor([c]), m: tensor([c]), v: tensor([c], new Type(c).fill(1)) })

  async function mnist({ batch }) {
    const parameters = Object.entries(mnistParameters(Type))
    const state = {}
    for (const [name, [shape, data]] of parameters) {
      state[name] = tensor(shape, data)
      // One each, since the kernel counts up in place.
      state[`step.${name}`] = integers([1])
      for (const slot of ['m', 'v']) state[`${slot}.${name}`] = tensor(shape, new Type(data.length))
    }
    for (const [name, c] of Object.entries({ 1: 16, 5: 32 })) {
      state[`${name}.mean`] = tensor([c], new Type(c))
      state[`${name}.var`] = tensor([c], new Type(c).fill(1))
    }
    const constants = {
      x: tensor([batch, 1, 28, 28]),
      labels: integers(labels(batch, 10)),
      one: tensor([1], Type.of(1)),
      rate: tensor([1], Type.of(1e-3)),
      features: integers([batch, 32, 7, 7]),
      rows: integers([0]),
    }
    const how = { kernel_shape: [3, 3], pads: [1, 1, 1, 1], strides: [1, 1], dilations: [1, 1], group: 1 }
    const forward = (x, conv, bn) => [
      node('Conv', [x, `${conv}.weight`, `${conv}.bias`], [`${conv}.y`], how),
      node(
        'BatchNormInternal',
        [`${conv}.y`, `${bn}.weight`, `${bn}.bias`, `${bn}.mean`, `${bn}.var`],
        [`${bn}.y`, `${bn}.mean2`, `${bn}.var2`, `${bn}.saved`, `${bn}.inverse`],
        { training_mode: 1, momentum: 0.9, epsilon: 1e-5 },
        MICROSOFT,
      ),
      node('Relu', [`${bn}.y`], [`${bn}.relu`]),
      node('MaxPool', [`${bn}.relu`], [`${bn}.pool`, `${bn}.index`], POOL),
    ]
    const backward = (dy, x, conv, bn, dx) => [
      node('MaxPoolGrad', [dy, `${bn}.index`], [`${bn}.drelu`], POOL),
      node('ReluGrad', [`${bn}.drelu`, `${bn}.relu`], [`${bn}.dy`], {}, MICROSOFT),
      node(
        'BatchNormalizationGrad',
        [`${bn}.dy`, `${conv}.y`, `${bn}.weight`, `${bn}.saved`, `${bn}.inverse`],
        [`${conv}.dy`, `d.${bn}.weight`, `d.${bn}.bias`],
        { epsilon: 1e-5 },
        MICROSOFT,
      ),
      node('ConvGrad', [`${conv}.dy`, x, `${conv}.weight`], [dx, `d.${conv}.weight`, `d.${conv}.bias`], how, MICROSOFT),
    ]
    const nodes = [
      ...forward('x', '0', '1'),
      ...forward('1.pool', '4', '5'),
      node('Flatten', ['5.pool'], ['flat']),
      node('Gemm', ['flat', '9.weight', '9.bias'], ['scores'], { transB: 1 }),
      node('SoftmaxCrossEntropyLoss', ['scores', 'labels'], ['loss', 'logs']),
      node('SoftmaxCrossEntropyLossGrad', ['one', 'logs', 'labels'], ['dscores'], {}, MICROSOFT),
      node('Gemm', ['dscores', '9.weight'], ['dflat']),
      node('Gemm', ['dscores', 'flat'], ['d.9.weight'], { transA: 1 }),
      node('ReduceSum', ['dscores', 'rows'], ['d.9.bias'], { keepdims: 0 }),
      node('Reshape', ['dflat', 'features'], ['dfeatures']),
      ...backward('dfeatures', '1.pool', '4', '5', '1.dpool'),
      ...backward('1.dpool', 'x', '0', '1', ''),
      ...parameters.map(([name]) =>
        node(
          'AdamOptimizer',
          ['rate', `step.${name}`, name, `d.${name}`, `m.${name}`, `v.${name}`],
          [`step.${name}2`, `m.${name}2`, `v.${name}2`, `${name}2`],
          ADAM,
          MICROSOFT,
        ),
      ),
    ]
    // What a step leaves for the next one: every output but the loss has the name of an input and a 2.
    const outputs = Object.keys(state).map((name) => `${name}2`)
    const session = await create(nodes, { ...state, ...constants }, [...outputs, 'loss'], {
      '1.drelu': [batch, 16, 28, 28],
      '5.drelu': [batch, 32, 14, 14],
    })
    return keepLosses(async () => {
      const { loss, ...next } = await session.run({ ...state, ...constants })
      for (const name of outputs) state[name.slice(0, -1)] = next[name]
      return loss.data[0]
    })
  }

  return {
    version: ort.env.versions.web,
    tasks: {
      gemm: ({ size }) =>
        runner([node('MatMul', ['a', 'b'], ['c'])], { a: tensor([size, size]), b: tensor([size, size]) }, ['c']),
      'conv-forward': (task) => {
        const { inputs, b, how } = convolution(task)
        return runner([node('Conv', ['x', 'w', 'b'], ['y'], how)], { ...inputs, b }, ['y'])
      },
      'conv-dx': (task) => {
        const { inputs, dy, how } = convolution(task)
        const nodes = [node('ConvGrad', ['dy', 'x', 'w'], ['dx', '', ''], how, MICROSOFT)]
        return runner(nodes, { ...inputs, dy }, ['dx'])
      },
      'conv-dw': (task) => {
        const { inputs, dy, how } = convolution(task)
        const nodes = [node('ConvGrad', ['dy', 'x', 'w'], ['', 'dw', 'db'], how, MICROSOFT)]
        return runner(nodes, { ...inputs, dy }, ['dw', 'db'])
      },
      'batch-norm-forward': (task) => {
        const outputs = ['y', 'm2', 'v2']
        const nodes = [node('BatchNormalization', ['x', 'g', 'b', 'm', 'v'], outputs, { training_mode: 1 })]
        return runner(nodes, { x: images(task), ...norm(task) }, outputs)
      },
      'batch-norm-backward': (task) => {
        const { g, m, v } = norm(task)
        const outputs = ['dx', 'dg', 'db']
        const how = { epsilon: 1e-5 }
        const nodes = [node('BatchNormalizationGrad', ['dy', 'x', 'g', 'm', 'v'], outputs, how, MICROSOFT)]
        return runner(nodes, { dy: images(task), x: images(task), g, m, v }, outputs)
      },
      'max-pool-forward': (task) => {
        // Training needs to know where each maximum was.
        const outputs = training ? ['y', 'index'] : ['y']
        return runner([node('MaxPool', ['x'], outputs, POOL)], { x: images(task) }, outputs)
      },
      'max-pool-backward': async (task) => {
        const { n, c, h } = task
        const dy = images({ n, c, h: h / 2 })
        // ONNX's indices count through the whole tensor: here the first of each window.
        const index = integers(
          Array.from(dy.data, (_, i) => {
            const [row, column] = [Math.floor(i / (h / 2)), i % (h / 2)]
            return 2 * row * h + 2 * column
          }),
        )
        const where = new ort.Tensor('int64', index.data, dy.dims)
        const shapes = { dx: [n, c, h, h] }
        return runner([node('MaxPoolGrad', ['dy', 'where'], ['dx'], POOL)], { dy, where }, ['dx'], shapes)
      },
      'relu-forward': (task) => runner([node('Relu', ['x'], ['y'])], { x: images(task) }, ['y']),
      'relu-backward': (task) =>
        runner([node('ReluGrad', ['dy', 'x'], ['dx'], {}, MICROSOFT)], { dy: images(task), x: images(task) }, ['dx']),
      adam: ({ count }) => {
        const [w, g, m] = [1, 2, 3].map(() => tensor([count]))
        const v = tensor([count], new Type(count).fill(1))
        const inputs = { rate: tensor([1]), step: integers([1]), w, g, m, v }
        const outputs = ['step2', 'm2', 'v2', 'w2']
        return runner([node('AdamOptimizer', Object.keys(inputs), outputs, ADAM, MICROSOFT)], inputs, outputs)
      },
      softmax: ({ n, classes }) => {
        const nodes = [
          node('SoftmaxCrossEntropyLoss', ['x', 'labels'], ['loss', 'logs']),
          node('SoftmaxCrossEntropyLossGrad', ['one', 'logs', 'labels'], ['dx'], {}, MICROSOFT),
        ]
        const inputs = { x: tensor([n, classes]), labels: integers(labels(n, classes)), one: tensor([1], Type.of(1)) }
        return runner(nodes, inputs, ['loss', 'dx'])
      },
      mnist,
    },
  }
})
