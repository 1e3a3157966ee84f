// What the compiler must refuse, and what it must let pass: checked by `npm run typecheck`, never run. The line after each
// directive that expects an error is a mistake; should the compiler no longer see it, the directive becomes an error.
import { Worker as Thread } from 'node:worker_threads'
import { createModel } from '../../src/model/create'
import type { Layer, Loss } from '../../src/plan/layer'
import type { Evaluation } from '../../src/training/evaluate'
import { standardize } from '../../src/entries/data'
import { type WorkerModel, createWorkerModel, loadWorkerModel } from '../../src/entries/worker'
import {
  type Ability,
  type DType,
  type Model,
  type ModelOptions,
  type Optimizer,
  adam,
  add,
  batchNorm,
  binaryCrossEntropy,
  concat,
  conv2d,
  cosineDecay,
  dense,
  dropout,
  encodeSafetensors,
  flatten,
  gradientCheck,
  graph,
  hinge,
  maxPool2d,
  meanSquaredError,
  sequential,
  sgd,
  snapshot,
  softmaxCrossEntropy,
} from '../../src/entries/index'

const network = dense(3)
const input = [4]
const loss = softmaxCrossEntropy()
const optimizer = adam({ learningRate: 0.1 })
const [x, y] = [new Float32Array(4), [0]]

export async function models(): Promise<void> {
  const full = await createModel(network, { input, loss, optimizer })
  const lossless = await createModel(network, { input, optimizer })
  const still = await createModel(network, { input, loss })
  const inference = await createModel(network, { input, loss, inference: true })
  const bare = await createModel(network, { input })

  // With a loss and an optimizer everything works.
  await full.fit({ x, y }, { epochs: 1 })
  full.trainStep(x, y) satisfies number
  full.evaluate({ x, y }) satisfies Evaluation
  full.step()
  full.backward(x)
  gradientCheck(full, x, y)

  // Without a loss.
  // @ts-expect-error
  await lossless.fit({ x, y })
  // @ts-expect-error
  lossless.trainStep(x, y)
  // @ts-expect-error
  lossless.evaluate({ x, y })
  // @ts-expect-error
  gradientCheck(lossless, x, y)
  lossless.backward(x)
  lossless.step()
  lossless.predict(x)

  // Without an optimizer.
  // @ts-expect-error
  await still.fit({ x, y })
  // @ts-expect-error
  still.trainStep(x, y)
  // @ts-expect-error
  still.step()
  still.evaluate({ x, y })
  still.backward(x)
  gradientCheck(still, x, y)

  // For inference.
  // @ts-expect-error
  await inference.fit({ x, y })
  // @ts-expect-error
  inference.trainStep(x, y)
  // @ts-expect-error
  inference.backward(x)
  // @ts-expect-error
  inference.step()
  // @ts-expect-error
  gradientCheck(inference, x, y)
  inference.evaluate({ x, y })
  inference.predict(x)

  bare.forward(x)
  bare.backward(x)
  // @ts-expect-error
  bare.step()
  // @ts-expect-error
  bare.evaluate({ x, y })

  // A model that can do more is one that can do less, not the other way round.
  const every: Model<never>[] = [full, lossless, still, inference, bare]
  every.forEach((model) => void [model.summary(), snapshot(model)])
  void (full satisfies Model)
  // @ts-expect-error
  void (still satisfies Model)

  // What the compiler cannot see is taken to be there.
  const unseen: ModelOptions = { input, loss, optimizer }
  await (await createModel(network, unseen)).fit({ x, y })
  const given: { loss?: Loss; optimizer?: Optimizer; inference?: boolean } = {}
  await (await createModel(network, { input, ...given })).fit({ x, y })
  const maybe = Boolean(x.length)
  await (await createModel(network, { input, loss, optimizer, inference: maybe })).fit({ x, y })
  // An explicit undefined is none.
  const none = await createModel(network, { input, loss: undefined, optimizer })
  // @ts-expect-error
  await none.fit({ x, y })
}

export async function options(): Promise<void> {
  // @ts-expect-error
  await createModel(network, { input, lose: loss })
  // @ts-expect-error
  await createModel(network, { input, loss, optimizer, learningRate: 0.1 })
  // @ts-expect-error
  await createModel(network, { loss, optimizer })
  // @ts-expect-error
  await createModel(network, { input: 4 })
  // @ts-expect-error
  await createModel(network, { input, loss: softmaxCrossEntropy })
  // @ts-expect-error
  await createModel(network, { input, loss: 'softmaxCrossEntropy' })
  // @ts-expect-error
  await createModel(network, { input, optimizer: 'adam' })
  // @ts-expect-error
  await createModel(network, { input, dtype: 'float16' })
  // @ts-expect-error
  await createModel(network, { input, backend: 'gpu' })
  // @ts-expect-error
  await createModel(network, { input, l1: '0.1' })
  // @ts-expect-error
  await createModel(dense, { input })

  const model = await createModel(network, { input, loss, optimizer })
  // @ts-expect-error
  await model.fit({ x, y }, { epoch: 3 })
  // @ts-expect-error
  await model.fit({ x, y }, { epochs: '3' })
  // @ts-expect-error
  await model.fit(x, y)
  // @ts-expect-error
  await model.fit({ x })
  // @ts-expect-error
  model.trainStep(x)
  // @ts-expect-error
  model.trainStep('x', y)
  // @ts-expect-error
  model.evaluate({ x, y }, { topk: 5 })
  // @ts-expect-error
  model.forward(x, { train: true })
  // @ts-expect-error
  model.batch = 3
  // @ts-expect-error
  model.parameters.weight = model.output
}

export const layers = [
  // @ts-expect-error
  dense(),
  // @ts-expect-error
  dense('3'),
  // @ts-expect-error
  dense(3, { biased: true }),
  // @ts-expect-error
  dense(3, { init: 'he' }),
  // @ts-expect-error
  conv2d(3),
  // @ts-expect-error
  conv2d(3, { kernel: '3' }),
  // @ts-expect-error
  conv2d(3, { kernel: [3, 3, 3] }),
  // @ts-expect-error
  conv2d(3, { kernel: 3, padding: 1 }),
  // @ts-expect-error
  conv2d(3, { kernel: 3, bias: 0 }),
  // @ts-expect-error
  batchNorm({ runningVar: 'sample' }),
  // @ts-expect-error
  maxPool2d(2, 2),
  // @ts-expect-error
  dropout(0.5),
  // @ts-expect-error
  sequential(dense(3), loss),
  // @ts-expect-error
  sequential({ scores: 3 }),
  // @ts-expect-error
  softmaxCrossEntropy({ smoothing: 0.1 }),
  // @ts-expect-error
  softmaxCrossEntropy({ classWeights: 2 }),
  // @ts-expect-error
  hinge(1),
  // @ts-expect-error
  binaryCrossEntropy({ positiveWeight: 2 }),
  // @ts-expect-error
  adam(0.001),
  // @ts-expect-error
  adam({ lr: 0.001 }),
  // @ts-expect-error
  sgd({}),
]

/** The numbers of a model, and options of several functions. */
export async function numbers(): Promise<void> {
  const double = await createModel(network, { input, loss, optimizer })
  const single = await createModel(network, { input, loss, optimizer, dtype: 'float32' })
  // The precision of a model is that of its views and of what it predicts.
  double.parameters.weight.data satisfies Float64Array
  double.predict(x).data satisfies Float64Array
  single.parameters.weight.data satisfies Float32Array
  single.gradients.weight.data satisfies Float32Array
  single.forward(x).data satisfies Float32Array
  single.backward(x).data satisfies Float32Array
  single.predict(x).data satisfies Float32Array
  single.dtype satisfies 'float32'
  // @ts-expect-error
  single.output.data satisfies Float64Array
  // @ts-expect-error
  double.output.data satisfies Float32Array
  const either: DType = Math.random() < 0.5 ? 'float64' : 'float32'
  const some = await createModel(network, { input, dtype: either })
  some.predict(x).data satisfies Float64Array | Float32Array
  const all: Model<never>[] = [double, single, some]
  all.forEach((model) => model.close())

  // A view of either kind can be mapped and summed.
  double.step(() => {
    const { data } = double.forward(x)
    double.backward(data.map((value) => value - 1))
    return data.reduce((sum, value) => sum + 0.5 * (value - 1) ** 2, 0)
  })

  // Bytes go into a Blob, a Response, a file.
  void new Blob([double.save(), encodeSafetensors({}), standardize([1, 2], { shape: [1] }).save()])
  double.save({ allowNonFinite: true })
  // @ts-expect-error
  double.save({ force: true })

  double.learningRate = 0.01
  double.learningRate = cosineDecay({ initial: 0.1 })
  // @ts-expect-error
  double.learningRate = '0.1'

  double.predict(x, { probabilities: true })
  // @ts-expect-error
  double.predict(x, { probability: true })

  const history = await double.fit(
    { x, y },
    { epochs: Infinity, dropLast: true, validation: false, onBatch: ({ batchLoss }) => batchLoss > 1 },
  )
  // A chart whose push gives a number, say.
  const losses: number[] = []
  void double.fit({ x: [1, 2, 3, 4], y: [0] }, { onBatch: ({ batchLoss }) => losses.push(batchLoss) })
  history.stopped satisfies 'end' | 'signal' | 'callback' | 'earlyStopping' | 'diverged'
  history.diverged?.text satisfies string | undefined
  // @ts-expect-error
  await double.fit({ x, y, sampleWeight: x })
}

export async function workers(): Promise<void> {
  const full = await createWorkerModel(network, { input, loss, optimizer })
  const lossless = await createWorkerModel(network, { input, optimizer })
  const still = await createWorkerModel(network, { input, loss })
  const inference = await createWorkerModel(network, { input, loss, inference: true, dtype: 'float32' })

  // What it gives are promises of what a model gives.
  ;(await full.fit({ x, y }, { transfer: true, onEpoch: ({ loss }) => loss < 1 })).loss satisfies number[]
  ;(await full.trainStep(x, y)) satisfies number
  ;(await full.evaluate({ x, y })) satisfies Evaluation
  ;(await full.predict(x)).data satisfies Float64Array
  ;(await inference.predict(x)).data satisfies Float32Array
  ;(await full.learningRate) satisfies number
  full.learningRate = 0.1
  full.learningRate = cosineDecay({ initial: 1 })
  // @ts-expect-error
  full.learningRate = '0.1'
  // @ts-expect-error
  await full.fit({ x, y }, { transform() {} })
  // @ts-expect-error
  await full.step(() => 1)
  // @ts-expect-error
  gradientCheck(full, x, y)

  // What it cannot do is what such a model cannot.
  // @ts-expect-error
  await lossless.fit({ x, y })
  // @ts-expect-error
  await lossless.evaluate({ x, y })
  await lossless.backward(x)
  await lossless.step()
  // @ts-expect-error
  await still.trainStep(x, y)
  await still.evaluate({ x, y })
  // @ts-expect-error
  await inference.checkpoint()
  // @ts-expect-error
  await inference.restore(new Uint8Array())
  const every: WorkerModel<never>[] = [full, lossless, still, inference]
  every.map((model) => model.predict(x))
  // @ts-expect-error
  full satisfies Model<never>
  // A worker of the web, or of node:worker_threads.
  await createWorkerModel(network, { input, worker: () => new Worker('worker.js', { type: 'module' }) })
  await createWorkerModel(network, { input, worker: () => new Thread('worker.js') })
  // @ts-expect-error
  await createWorkerModel(network, { input, worker: new Thread('worker.js') })
  // @ts-expect-error
  await createWorkerModel(network, { input, bogus: 1 })
  await loadWorkerModel(new Uint8Array(), { inference: true, dtype: 'float32' })
}

export async function graphs(): Promise<void> {
  const network = graph(['image', 'weather'], ({ image, weather }, use) => {
    const both = use('both', concat(), use('eye', flatten(), image), weather)
    // @ts-expect-error
    use('none', dense(2), 'image')
    return { digit: use('digit', dense(3), both), price: use('price', dense(1), both) }
  })
  const given = { image: [1, 2, 2], weather: [2] }
  const losses = { digit: softmaxCrossEntropy(), price: meanSquaredError({ weight: 0.1 }) }
  const model = await createModel(network, { input: given, loss: losses, optimizer })
  const inputs = { image: new Float32Array(4), weather: [1, 2] }
  const targets = { digit: [0], price: [1] }
  model satisfies Model<Ability, 'float64', 'image' | 'weather', 'digit' | 'price'>
  model.trainStep(inputs, targets) satisfies number
  model.predict(inputs).price.data satisfies Float64Array
  model.forward(inputs).digit.data satisfies Float64Array
  model.backward(targets).weather.shape satisfies readonly number[]
  model.evaluate({ x: inputs, y: targets }).outputs.digit.accuracy satisfies number
  const history = await model.fit({ x: inputs, y: targets }, { validation: { x: inputs, y: targets } })
  history.outputs.price.validationLoss satisfies number[]
  gradientCheck(model, inputs, targets, { input: true })
  model.loss?.digit satisfies Loss | undefined
  // @ts-expect-error
  model.predict([1, 2])
  // @ts-expect-error
  model.predict({ image: [1] })
  // @ts-expect-error
  void model.predict(inputs).weather
  // @ts-expect-error
  await model.fit({ x: inputs, y: { digit: [0] } })
  // @ts-expect-error
  await createModel(network, { input, loss: losses })
  // @ts-expect-error
  await createModel(network, { input: { image: [1] }, loss: losses })
  // @ts-expect-error
  await createModel(network, { input: given, loss })
  // @ts-expect-error
  await createModel(network, { input: given, loss: { digit: loss } })
  // @ts-expect-error
  sequential(network)
  const untrained = await createModel(network, { input: given, loss: losses })
  // @ts-expect-error
  untrained.trainStep(inputs, targets)

  // One input and one output have no names.
  const plain = graph(['x'], ({ x: one }, use) => use('y', dense(3), one))
  plain satisfies Layer
  const single = await createModel(sequential(plain), { input, loss, optimizer })
  single satisfies Model
  const joined = graph(['a', 'b'], ({ a, b }, use) => use('sum', add(), a, b))
  const pair = await createModel(joined, { input: { a: [2], b: [2] }, loss, optimizer })
  pair.predict({ a: [1, 2], b: [3, 4] }).data satisfies Float64Array
  // @ts-expect-error
  void pair.evaluate({ x: { a: [1, 2], b: [3, 4] }, y: [0] }).outputs
  const forked = graph(['x'], ({ x: one }, use) => ({ a: use('a', dense(1), one), b: one }))
  const fork = await createModel(forked, { input })
  fork.predict(x).a.data satisfies Float64Array
}
