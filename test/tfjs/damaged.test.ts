// Files that are cut off, flipped, enormous, cyclic or made to harm: an error of ours at once, or a network. A few
// thousand; FAULTS=100000 in the environment takes as many.
import { expect, test } from 'vitest'
import { DataError, FileError, PlanError, createRandom, describe } from '../../src/entries/index'
import { fromTfjs } from '../../src/entries/tfjs'
import { numbers } from './tensorflow'

const COUNT = Number(process.env.FAULTS ?? 3000)

const ref = (name: string) => [name, 0, 0, {}]
const layer = (class_name: string, name: string, config: object, ...reads: unknown[]) => ({
  class_name,
  name,
  config: { name, trainable: true, ...config },
  inbound_nodes: reads.length ? [reads.map((one) => ref(one as string))] : [],
})
const conv = { filters: 8, kernel_size: [3, 3], strides: [2, 2], padding: 'same', activation: 'relu', use_bias: true }
const inner = {
  class_name: 'Sequential',
  config: {
    name: 'head',
    layers: [
      { class_name: 'Flatten', config: { name: 'flat', batch_input_shape: [null, 8, 8, 8] } },
      { class_name: 'Dense', config: { name: 'dense', units: 32, activation: 'softmax' } },
    ],
  },
}
const model = {
  class_name: 'Functional',
  config: {
    name: 'model',
    layers: [
      layer('InputLayer', 'image', { batch_input_shape: [null, 16, 16, 3] }),
      layer('InputLayer', 'words', { batch_input_shape: [null, 6] }),
      layer('Rescaling', 'scale', { scale: 0.5, offset: 1 }, 'image'),
      layer('Conv2D', 'conv', conv, 'scale'),
      layer(
        'BatchNormalization',
        'norm',
        { axis: [3], epsilon: 1e-3, momentum: 0.9, center: true, scale: false },
        'conv',
      ),
      layer('DepthwiseConv2D', 'depth', { kernel_size: 3, padding: 'same', depth_multiplier: 1 }, 'norm'),
      layer('Add', 'sum', {}, 'norm', 'depth'),
      { ...inner, name: 'head', inbound_nodes: [[ref('sum')]] },
      layer('Embedding', 'table', { input_dim: 9, output_dim: 4, mask_zero: false }, 'words'),
      layer(
        'LSTM',
        'lstm',
        { units: 5, activation: 'tanh', recurrent_activation: 'sigmoid', return_sequences: false },
        'table',
      ),
      layer('Concatenate', 'both', { axis: -1 }, 'head', 'lstm'),
      layer('RepeatVector', 'again', { n: 3 }, 'both'),
      layer('Reshape', 'shape', { target_shape: [37, -1] }, 'again'),
    ],
    input_layers: [ref('image'), ref('words')],
    output_layers: [ref('shape')],
  },
}
const weights: [name: string, shape: number[]][] = [
  ['conv/kernel', [3, 3, 3, 8]],
  ['conv/bias', [8]],
  ['norm/beta', [8]],
  ['norm/moving_mean', [8]],
  ['norm/moving_variance', [8]],
  ['depth/depthwise_kernel', [3, 3, 8, 1]],
  ['depth/bias', [8]],
  ['dense/kernel', [512, 32]],
  ['dense/bias', [32]],
  ['table/embeddings', [9, 4]],
  ['lstm/kernel', [4, 20]],
  ['lstm/recurrent_kernel', [5, 20]],
  ['lstm/bias', [20]],
]
const file = {
  format: 'layers-model',
  generatedBy: 'keras v2.4.0',
  modelTopology: { keras_version: '2.4.0', model_config: model },
  weightsManifest: [
    { paths: ['weights.bin'], weights: weights.map(([name, shape]) => ({ name, shape, dtype: 'float32' })) },
  ],
}
const text = JSON.stringify(file)
const count = weights.reduce((sum, [, shape]) => sum + shape.reduce((a, b) => a * b, 1), 0)
const bytes = new Uint8Array(numbers(count).buffer as ArrayBuffer)

/** What the processor has spent on this process, in milliseconds: others on the machine do not count. */
function spent(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** What stands where something else should. */
const ODD: unknown[] = [
  null,
  true,
  -1,
  0,
  1,
  2,
  7.5,
  1e9,
  2 ** 31,
  2 ** 53,
  -(2 ** 60),
  1e308,
  '',
  'x',
  '__proto__',
  'constructor',
  'toString',
  'sum',
  'conv',
  'image',
  'head',
  'Conv2D',
  'LSTM',
  'Model',
  'softmax',
  'causal',
  'channels_first',
  [],
  {},
  [null],
  [[[]]],
  [1e9, 1e9, 1e9],
  [null, 2 ** 30, 2 ** 30, 2 ** 30],
  ['sum', 0, 0],
  ['conv', 1e9, 0],
  [[['shape', 0, 0, {}]]],
  'x'.repeat(1e4),
  Array.from({ length: 2000 }, () => ['sum', 0, 0]),
  { class_name: '__keras_tensor__', config: { keras_history: ['sum', 0, 0] } },
]

/** Places in a JSON: each an object or array, and a key of it. */
function placesOf(value: unknown, found: [object, string][] = []): [object, string][] {
  if (typeof value !== 'object' || value === null) return found
  for (const key of Object.keys(value)) {
    found.push([value, key])
    placesOf((value as Record<string, unknown>)[key], found)
  }
  return found
}

function mutate(random: ReturnType<typeof createRandom>): [unknown, Uint8Array] {
  const below = (n: number) => Math.floor(random.uniform() * n)
  const kind = below(10)
  if (kind === 0) return [text.slice(0, below(text.length)), bytes]
  if (kind === 1) return [text, bytes.slice(0, below(bytes.length + 1))]
  if (kind === 2) {
    const flipped = new TextEncoder().encode(text)
    for (let i = below(4); i >= 0; i--) flipped[below(flipped.length)] ^= 1 << below(8)
    return [flipped, bytes]
  }
  if (kind === 3) {
    const flipped = bytes.slice()
    flipped[below(flipped.length)] ^= 1 << below(8)
    return [text, flipped]
  }
  const json = JSON.parse(text) as object
  for (let i = below(3); i >= 0; i--) {
    const places = placesOf(json)
    const [at, key] = places[below(places.length)] as [Record<string, unknown>, string]
    const what = below(6)
    if (what === 0) delete at[key]
    else if (what === 1) {
      const [other, name] = places[below(places.length)] as [Record<string, unknown>, string]
      // A part of itself in itself: as text it is a copy, as an object a circle.
      at[key] = kind === 4 ? other[name] : structuredClone(other[name])
    } else if (what === 2)
      Object.defineProperty(at, ['__proto__', 'constructor'][below(2)], {
        value: at[key],
        enumerable: true,
        configurable: true,
        writable: true,
      })
    else at[key] = structuredClone(ODD[below(ODD.length)])
    if (kind === 4) break
  }
  return [kind === 4 ? json : JSON.stringify(json), bytes]
}

test(
  `${COUNT} damaged files: an error of ours within 100 ms, or a network, of no more memory`,
  { timeout: 3_600_000 },
  () => {
    const random = createRandom(19)
    let [good, refused, slowest, most] = [0, 0, 0, 0]
    fromTfjs(text, bytes)
    for (let i = 0; i < COUNT; i++) {
      const [json, weights] = mutate(random)
      const attempt = () => {
        const [start, before] = [spent(), process.memoryUsage().arrayBuffers]
        try {
          const read = fromTfjs(json, weights)
          const sizes = Object.values(read.weights).reduce((sum, { data }) => sum + data.byteLength, 0)
          expect(sizes).toBeLessThanOrEqual(3 * bytes.length)
          // It plans, or says why not.
          if (i % 10 === 0 && read.input) {
            try {
              describe(read.network, { input: read.input, batch: 1 })
            } catch (error) {
              expect(error).toBeInstanceOf(PlanError)
            }
          }
          good++
        } catch (error) {
          if (!(error instanceof FileError || error instanceof PlanError || error instanceof DataError)) {
            throw new Error(
              `${i}: ${String(error)} of ${String(typeof json === 'string' ? json : '').slice(0, 3000)}`,
              { cause: error },
            )
          }
          expect(error.message).toMatch(/^(fromTfjs|createModel)\b/)
          expect(error.message.length).toBeLessThan(1500)
          refused++
        }
        most = Math.max(most, process.memoryUsage().arrayBuffers - before)
        return spent() - start
      }
      let time = attempt()
      // What compiles or collects garbage counts as well, and that not each time.
      for (let again = 0; time > 100 && again < 3; again++) time = attempt()
      slowest = Math.max(slowest, time)
    }
    console.log(
      `${good} read, ${refused} refused; the slowest ${slowest.toFixed(1)} ms, the most memory ${(most / bytes.length).toFixed(2)} files`,
    )
    expect(slowest).toBeLessThan(100)
    expect(most).toBeLessThan(3 * bytes.length + 4096)
    expect(good).toBeGreaterThan(COUNT / 50)
    expect(refused).toBeGreaterThan(COUNT / 2)
  },
)

test('ten thousand layers in a row, models within models, and a circle', () => {
  const long = Array.from({ length: 9998 }, (_, i) =>
    layer('Activation', `relu${i}`, { activation: 'relu' }, i ? `relu${i - 1}` : 'in'),
  )
  const json = (layers: object[], last: string) => ({
    format: 'layers-model',
    modelTopology: {
      class_name: 'Model',
      config: {
        name: 'm',
        layers: [layer('InputLayer', 'in', { batch_input_shape: [null, 2] }), ...layers],
        input_layers: [ref('in')],
        output_layers: [ref(last)],
      },
    },
    weightsManifest: [],
  })
  expect(() => fromTfjs(json([...long, ...long.slice(0, 9)], 'relu9997'), new Uint8Array())).toThrow(
    /more than 10000 layers/,
  )
  expect(fromTfjs(json(long, 'relu9997'), new Uint8Array()).network.children).toHaveLength(9998)
  const circle = [
    layer('Activation', 'a', { activation: 'relu' }, 'b'),
    layer('Activation', 'b', { activation: 'relu' }, 'a'),
  ]
  expect(() => fromTfjs(json(circle, 'b'), new Uint8Array())).toThrow(
    /the layer 'b' reads what depends on it: a circle/,
  )
  // Each model has the one before twice: of 40 models 2 ** 40 layers.
  let deep: object = { class_name: 'Dense', name: 'd', config: { name: 'd', units: 2 } }
  for (let i = 0; i < 40; i++) {
    const one = deep as { name: string }
    const calls = { ...one, inbound_nodes: [[ref('in')], [[one.name, 0, 0, {}]]] }
    deep = {
      class_name: 'Model',
      name: `m${i}`,
      config: { ...json([calls], one.name).modelTopology.config, name: `m${i}`, output_layers: [[one.name, 1, 0]] },
    }
  }
  const start = spent()
  const bomb = json([{ ...deep, inbound_nodes: [[ref('in')]] }], 'm39')
  expect(() => fromTfjs(bomb, new Uint8Array())).toThrow(FileError)
  expect(spent() - start).toBeLessThan(1000)
  const turning: Record<string, unknown> = {
    class_name: 'Model',
    name: 'turning',
    config: { layers: [], name: 'turning' },
  }
  ;(turning.config as { layers: unknown[] }).layers.push(turning)
  expect(() => fromTfjs(turning, new Uint8Array())).toThrow(/nested more than 50 deep/)
})
