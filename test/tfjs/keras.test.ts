// Models as Keras writes them, versions 2 and 3, which tensorflowjs_converter hands on. What TensorFlow.js cannot compute
// is compared with numbers that were worked out here.
import { describe, expect, test } from 'vitest'
import { adam, batchNorm, createModel, dense, sequential, softmaxCrossEntropy } from '../../src/entries/index'
import { type Imported, fromTfjs } from '../../src/entries/tfjs'
import { difference, numbers } from './tensorflow'

type Weights = Record<string, readonly [shape: number[], data: ArrayLike<number>]>

/** The files of a model. */
function files(model: object, weights: Weights, keras = '2.13.1') {
  const specs = Object.entries(weights).map(([name, [shape]]) => ({ name, shape, dtype: 'float32' }))
  const bytes = new Uint8Array(Float32Array.from(Object.values(weights).flatMap(([, data]) => Array.from(data))).buffer)
  const json = {
    format: 'layers-model',
    generatedBy: `keras v${keras}`,
    convertedBy: 'TensorFlow.js Converter v4.22.0',
    modelTopology: { keras_version: keras, backend: 'tensorflow', model_config: model },
    weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: specs }],
  }
  return [json, bytes] as const
}

/** A Sequential of Keras 2. */
function chain(shape: (number | null)[], ...list: [kind: string, config: object][]) {
  const input = {
    class_name: 'InputLayer',
    config: { batch_input_shape: [null, ...shape], dtype: 'float32', sparse: false, ragged: false, name: 'in' },
  }
  const made = list.map(([class_name, config]) => ({
    class_name,
    config: { name: class_name.toLowerCase(), trainable: true, dtype: 'float32', ...config },
  }))
  return { class_name: 'Sequential', config: { name: 'sequential', layers: [input, ...made] } }
}

async function predict(
  { network, input, load }: Imported,
  x: ArrayLike<number>,
  given = input!,
): Promise<Float64Array> {
  const model = await createModel(network, { input: given, batch: 1, dtype: 'float64' })
  load(model)
  return Float64Array.from(model.predict(Float64Array.from(x)).data)
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

describe('Keras 3', () => {
  const tensor = (name: string, shape: (number | null)[]) => ({
    class_name: '__keras_tensor__',
    config: { shape: [null, ...shape], dtype: 'float32', keras_history: [name, 0, 0] },
  })
  const layer = (class_name: string, name: string, config: object, ...args: unknown[]) => ({
    module: 'keras.layers',
    class_name,
    registered_name: null,
    name,
    config: {
      name,
      trainable: true,
      dtype: { module: 'keras', class_name: 'DTypePolicy', config: { name: 'float32' } },
      ...config,
    },
    inbound_nodes: args.length ? [{ args, kwargs: {} }] : [],
  })
  const weights = (dense: string, bias = `${dense.slice(0, -6)}bias`): Weights => ({
    [dense]: [
      [3, 2],
      [1, 2, 3, 4, 5, 6],
    ],
    [bias]: [[2], [0.5, -0.5]],
  })
  const functional = (outputs: unknown) => ({
    module: 'keras.src.models.functional',
    class_name: 'Functional',
    config: {
      name: 'functional',
      trainable: true,
      layers: [
        layer('InputLayer', 'input_layer', { batch_shape: [null, 3], sparse: false }),
        layer('Dense', 'dense', { units: 2, activation: 'hard_sigmoid', use_bias: true }, tensor('input_layer', [3])),
        layer('Dropout', 'dropout', { rate: 0.5, seed: null, noise_shape: null }, tensor('dense', [2])),
        layer('Add', 'add', {}, [tensor('dense', [2]), tensor('dropout', [2])]),
      ],
      input_layers: [['input_layer', 0, 0]],
      output_layers: outputs,
    },
    registered_name: 'Functional',
  })
  // PyTorch's hard sigmoid, as Keras 3 has it.
  const wanted = (x: number[]) =>
    [0, 1].map((j) => {
      const sum = x.reduce(
        (all, one, i) =>
          all +
          one *
            [
              [1, 2],
              [3, 4],
              [5, 6],
            ][i][j],
        j ? -0.5 : 0.5,
      )
      return 2 * Math.min(1, Math.max(0, sum / 6 + 0.5))
    })

  test.each([
    ['the names of weights of a converter', 'dense/kernel'],
    ['names with the model in front', 'functional/dense/kernel'],
  ])('functional, with %s', async (_, name) => {
    for (const outputs of [['add', 0, 0], [['add', 0, 0]]]) {
      const read = fromTfjs(...files(functional(outputs), weights(name), '3.5.0'))
      expect(read.input).toEqual([3])
      expect(difference(await predict(read, [0.1, -0.2, 0.3]), wanted([0.1, -0.2, 0.3]))).toBeLessThan(1e-12)
    }
  })

  test('numbers for the names of weights', async () => {
    const names = weights('_layer_checkpoint_dependencies/dense/vars/0', '_layer_checkpoint_dependencies/dense/vars/1')
    const read = fromTfjs(...files(functional([['add', 0, 0]]), names, '3.5.0'))
    expect(difference(await predict(read, [0.1, -0.2, 0.3]), wanted([0.1, -0.2, 0.3]))).toBeLessThan(1e-12)
  })

  test('Sequential with batch_shape', async () => {
    const model = {
      module: 'keras',
      class_name: 'Sequential',
      config: {
        name: 's',
        layers: [
          layer('InputLayer', 'i', { batch_shape: [null, 3] }),
          layer('Dense', 'dense', { units: 2, activation: 'linear' }),
        ],
      },
    }
    const read = fromTfjs(...files(model, weights('sequential/dense/kernel', 'sequential/dense/bias'), '3.5.0'))
    expect(await predict(read, [1, 1, 1])).toEqual(Float64Array.of(9.5, 11.5))
  })
})

describe('what TensorFlow.js cannot compute', () => {
  test('a GRU with reset_after, in one direction and in both', async () => {
    const [units, inputs, steps] = [2, 3, 4]
    const data = (size: number, seed: number) => numbers(size, seed)
    const cell = (at: string, seed: number): Weights => ({
      [`${at}/kernel`]: [[inputs, 3 * units], data(inputs * 3 * units, seed)],
      [`${at}/recurrent_kernel`]: [[units, 3 * units], data(units * 3 * units, seed + 1)],
      [`${at}/bias`]: [[2, 3 * units], data(6 * units, seed + 2)],
    })
    /** Keras: z, r, h; h' = z h + (1 - z) tanh(x W + b + r (h U + c)). */
    const run = (x: ArrayLike<number>, weights: Weights, at: string, back: boolean) => {
      const [w, u, b] = ['kernel', 'recurrent_kernel', 'bias'].map((name) => weights[`${at}/${name}`][1])
      let h = Array<number>(units).fill(0)
      for (let t = 0; t < steps; t++) {
        const row = back ? steps - 1 - t : t
        const of = (gate: number, k: number) => {
          const column = gate * units + k
          let [a, s] = [b[column], b[3 * units + column]]
          for (let i = 0; i < inputs; i++) a += x[row * inputs + i] * w[i * 3 * units + column]
          for (let i = 0; i < units; i++) s += h[i] * u[i * 3 * units + column]
          return [a, s]
        }
        h = h.map((before, k) => {
          const z = sigmoid(of(0, k)[0] + of(0, k)[1])
          const r = sigmoid(of(1, k)[0] + of(1, k)[1])
          return z * before + (1 - z) * Math.tanh(of(2, k)[0] + r * of(2, k)[1])
        })
      }
      return h
    }
    const x = numbers(steps * inputs, 40)
    const config = {
      units,
      activation: 'tanh',
      recurrent_activation: 'sigmoid',
      use_bias: true,
      reset_after: true,
      return_sequences: false,
    }
    const one = cell('gru/gru_cell', 1)
    const read = fromTfjs(...files(chain([steps, inputs], ['GRU', config]), one))
    expect(difference(await predict(read, x), run(x, one, 'gru/gru_cell', false))).toBeLessThan(1e-12)
    const two = { ...cell('bidirectional/forward_gru/gru_cell', 1), ...cell('bidirectional/backward_gru/gru_cell', 7) }
    const wrapped = { layer: { class_name: 'GRU', config: { name: 'gru', ...config } }, merge_mode: 'concat' }
    const both = fromTfjs(...files(chain([steps, inputs], ['Bidirectional', wrapped]), two))
    expect(
      difference(await predict(both, x), [
        ...run(x, two, 'bidirectional/forward_gru/gru_cell', false),
        ...run(x, two, 'bidirectional/backward_gru/gru_cell', true),
      ]),
    ).toBeLessThan(1e-12)
  })

  test('sequences: causal, separable and depthwise convolutions, zeros around them, and less of them', async () => {
    const x = [1, 2, 3, 4, 5, 6, 7, 8]
    const conv = {
      filters: 1,
      kernel_size: [2],
      strides: [1],
      padding: 'causal',
      dilation_rate: [2],
      use_bias: false,
      activation: 'linear',
    }
    const causal = chain([8, 1], ['Conv1D', conv])
    expect(
      await predict(
        fromTfjs(
          ...files(causal, {
            'conv1d/kernel': [
              [2, 1, 1],
              [10, 1],
            ],
          }),
        ),
        x,
      ),
    ).toEqual(Float64Array.of(1, 2, 13, 24, 35, 46, 57, 68))
    const around = chain(
      [8, 1],
      ['ZeroPadding1D', { padding: [1, 2] }],
      ['Cropping1D', { cropping: [0, 4] }],
      ['Flatten', {}],
    )
    expect(await predict(fromTfjs(...files(around, {})), x)).toEqual(Float64Array.of(0, 1, 2, 3, 4, 5, 6))
    const plain = {
      kernel_size: 2,
      strides: 1,
      padding: 'valid',
      depth_multiplier: 1,
      use_bias: false,
      activation: 'linear',
    }
    const depth = chain([3, 2], ['DepthwiseConv1D', plain])
    const kernel = [
      [2, 2, 1],
      [1, 10, 100, 1000],
    ] as const
    const two = fromTfjs(...files(depth, { 'depthwiseconv1d/depthwise_kernel': kernel as never }))
    // Steps (1, 2), (3, 4), (5, 6) of two channels.
    expect(await predict(two, [1, 2, 3, 4, 5, 6])).toEqual(Float64Array.of(301, 4020, 503, 6040))
    const separable = chain([3, 2], ['SeparableConv1D', { ...plain, filters: 1 }])
    const point = [
      [1, 2, 1],
      [1, 2],
    ] as const
    const whole = fromTfjs(
      ...files(separable, {
        'separableconv1d/depthwise_kernel': kernel as never,
        'separableconv1d/pointwise_kernel': point as never,
      }),
    )
    expect(await predict(whole, [1, 2, 3, 4, 5, 6])).toEqual(Float64Array.of(301 + 2 * 4020, 503 + 2 * 6040))
  })

  test('Normalization, GroupNormalization, groups of channels, noise that is left out', async () => {
    const normal = chain([2], ['Normalization', { axis: [-1] }])
    const moments: Weights = { 'normalization/mean': [[2], [1, 2]], 'normalization/variance': [[2], [4, 9]] }
    expect(await predict(fromTfjs(...files(normal, moments)), [5, 8])).toEqual(Float64Array.of(2, 2))
    const names = ['ActivityRegularization', 'SpatialDropout2D']
    const left = chain([2, 2, 1], ...names.map((name): [string, object] => [name, { rate: 0.5 }]))
    expect(await predict(fromTfjs(...files(left, {})), [1, 2, 3, 4])).toEqual(Float64Array.of(1, 2, 3, 4))
    const group = chain(
      [1, 2, 4],
      ['GroupNormalization', { groups: 2, axis: -1, epsilon: 1, scale: true, center: true }],
    )
    const four = {
      'groupnormalization/gamma': [[4], [1, 1, 1, 2]],
      'groupnormalization/beta': [[4], [0, 0, 0, 1]],
    } as unknown as Weights
    // Two groups of two channels of two places: 1, 3, 1, 3 and 5, 5, 5, 9. Channels first.
    const y = await predict(fromTfjs(...files(group, four)), [1, 1, 3, 3, 5, 5, 5, 9])
    const s = 1 / Math.sqrt(2)
    const t = 1 / Math.sqrt(4)
    expect(difference(y, [-s, -s, s, s, -t, -t, -2 * t + 1, 6 * t + 1])).toBeLessThan(1e-12)
    const grouped = {
      filters: 2,
      kernel_size: [1, 1],
      strides: [1, 1],
      padding: 'valid',
      groups: 2,
      use_bias: false,
      activation: 'linear',
    }
    const conv = fromTfjs(
      ...files(chain([1, 1, 2], ['Conv2D', grouped]), {
        'conv2d/kernel': [
          [1, 1, 1, 2],
          [10, 100],
        ],
      }),
    )
    expect(await predict(conv, [1, 2])).toEqual(Float64Array.of(10, 200))
  })

  test('images of any size, and bilinear upsampling as Keras has it', async () => {
    const up = chain(
      [null, null, 1],
      ['UpSampling2D', { size: [1, 2], interpolation: 'bilinear' }],
      ['Conv2D', { filters: 1, kernel_size: 1, use_bias: false }],
    )
    const read = fromTfjs(...files(up, { 'conv2d/kernel': [[1, 1, 1, 1], [4]] }))
    expect(read.input).toBeUndefined()
    expect(await predict(read, [0, 4], [1, 1, 2])).toEqual(Float64Array.of(0, 4, 12, 16))
    expect(await predict(read, [0, 4, 4], [1, 1, 3])).toHaveLength(6)
  })
})

describe('settings that go over', () => {
  test('a batch norm keeps its epsilon and momentum, and what is not there is 1 and 0', async () => {
    const norm = chain(
      [2],
      ['BatchNormalization', { axis: [1], epsilon: 0.5, momentum: 0.9, scale: false, center: false }],
    )
    const weights: Weights = {
      'batchnormalization/moving_mean': [[2], [1, 2]],
      'batchnormalization/moving_variance': [[2], [3.5, 0.5]],
    }
    const read = fromTfjs(...files(norm, weights))
    const [, layer] = read.network.children![0]
    expect(layer.config).toEqual(batchNorm({ epsilon: 0.5, momentum: 0.9 }).config)
    expect(Object.keys(read.weights)).toEqual([
      'batchnormalization.weight',
      'batchnormalization.bias',
      'batchnormalization.running_mean',
      'batchnormalization.running_var',
    ])
    expect(await predict(read, [3, 3])).toEqual(Float64Array.of(1, 1))
    // It trains as ours does: 0.9 of the old mean, 0.1 of that of the batch.
    const model = await createModel(sequential({ read: read.network, head: dense(2) }), {
      input: [2],
      batch: 2,
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 0.01 }),
    })
    read.load(model, { at: 'read' })
    model.trainStep([2, 0, 4, 8], [0, 1])
    expect(model.buffers['read.batchnormalization.running_mean'].data).toEqual(Float64Array.of(1.2, 2.2))
  })
})
