// The plan: exact, never moved, never shared by two things at once; and steps that allocate nothing.
import { createModel } from '../../src/model/create'
import { execFileSync } from 'node:child_process'
import { describe, expect, test, vi } from 'vitest'
import {
  PlanError,
  adam,
  conv2d,
  dense,
  flatten,
  globalAvgPool2d,
  momentum,
  relu,
  residual,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { cnn, inputOf, layerCases } from '../../cases/layers'

const loss = softmaxCrossEntropy()
const chain = (n: number) => sequential(...Array.from({ length: n }, () => dense(64)))
/** Bytes of activations of n dense layers, for inference. */
const activationsOf = async (n: number) =>
  (await createModel(chain(n), { input: [64], batch: 64, inference: true })).memory.activations

test.each(['wasm', 'js'])('training steps on %s allocate nothing', (backend) => {
  const args = ['--expose-gc', 'test/support/allocations.js', backend]
  const result = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }))
  expect(result).toMatchObject({ steps: 300, constructed: 0, sameBuffers: true, finite: true })
  expect(result.arrayBufferBytes).toBeLessThanOrEqual(0)
  // Numbers that V8 boxes when they are handed over, 16 bytes each; a single view would add 200.
  expect(result.heapBytesPerStep).toBeLessThan(1000)
})

describe('views', () => {
  test.each(['wasm', 'js'] as const)('stay live through training, on %s', async (backend) => {
    const model = await createModel(cnn(4), {
      input: [1, 8, 8],
      batch: 4,
      loss,
      optimizer: adam({ learningRate: 0.01 }),
      backend,
    })
    const x = Float64Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i))
    const output = model.forward(x)
    const weight = model.parameters['0.weight'].data
    const mean = model.buffers['1.running_mean'].data
    const before = [weight.slice(), mean.slice(), output.data.slice()]
    for (let i = 0; i < 300; i++) model.trainStep(x, [0, 1, 2, 3])
    model.forward(x)
    for (const [i, view] of [weight, mean, output.data].entries()) {
      expect(view.length).toBeGreaterThan(0)
      expect(view).not.toEqual(before[i])
    }
    expect(model.parameters['0.weight'].data).toBe(weight)
    expect(output.data).toEqual(model.output.data)
    // Writing to a view changes the model.
    model.parameters['9.bias'].data.fill(1000)
    expect(Math.min(...model.forward(x).data)).toBeGreaterThan(900)
    expect(output.data[0]).toBeGreaterThan(900)
  })
})

test.each(layerCases.map((c) => [c.name, c] as const))('backward may run again: %s', async (_, c) => {
  const { network, ids } = c
  const model = await createModel(network(), { input: inputOf(c), batch: 2, seed: 3 })
  const x = Float64Array.from({ length: model.input.data.length }, (_, i) => (ids ? i % ids : Math.sin(i)))
  const y = model.forward(x, { training: true })
  const dy = y.data.map((_, i) => Math.cos(i))
  const dx = () => (ids ? model.backward(dy).shape : model.backward(dy).data.slice())
  const first = dx()
  const gradients = Object.values(model.gradients).map(({ data }) => data.slice())
  for (const { data } of Object.values(model.gradients)) data.fill(0)
  expect(dx()).toEqual(first)
  expect(Object.values(model.gradients).map(({ data }) => data)).toEqual(gradients)
})

describe('the plan', () => {
  test.each(['float64', 'float32'] as const)('is as large as needed and no larger, %s', async (dtype) => {
    const bytes = dtype === 'float64' ? 8 : 4
    const optimizer = momentum({ learningRate: 0.1 })
    const model = await createModel(sequential(dense(8), relu(), dense(8)), {
      input: [8],
      batch: 16,
      dtype,
      loss,
      optimizer,
      backend: 'js',
    })
    const { memory } = model
    const parameters = 2 * (64 + 8) * bytes
    expect(memory).toMatchObject({ parameters, gradients: parameters, optimizer: parameters, state: 0 })
    // x, its gradient and the scores stay; one value and two gradients beside, and the labels.
    const value = 16 * 8 * bytes
    expect(memory.activations).toBeLessThanOrEqual(6 * value + 64)
    const { total, ...regions } = memory
    expect(Object.values(regions).reduce((a, b) => a + b) + 64).toBe(total)
    expect(model.input.data.buffer.byteLength).toBe(total)
  })

  test('takes whole pages of WebAssembly memory', async () => {
    const model = await createModel(dense(8), { input: [8], batch: 16 })
    expect(model.input.data.buffer.byteLength).toBe(65536 * Math.ceil(model.memory.total / 65536))
  })

  test('memory of values is used again once they are read', async () => {
    expect(await activationsOf(20)).toBe(await activationsOf(4))
  })

  test.each(layerCases.map((c) => [c.name, c] as const))(
    'shares no memory between values of the same time: %s',
    async (_, c) => {
      const { network, ids } = c
      // Half of the rows filled with NaN must not be seen by the other half, and a step must repeat itself.
      const size = c.input.reduce((a, b) => a * b)
      const options = { input: inputOf(c), loss, optimizer: sgd({ learningRate: 0.1 }), seed: 4 } as const
      const [tight, roomy] = await Promise.all([
        createModel(network(), { ...options, batch: 3 }),
        createModel(network(), { ...options, batch: 11 }),
      ])
      const x = Float64Array.from({ length: 3 * size }, (_, i) => (ids ? i % ids : Math.cos(i * i)))
      for (let i = 0; i < 3; i++) expect(tight.trainStep(x, [0, 0, 0])).toBe(roomy.trainStep(x, [0, 0, 0]))
      for (const [name, { data }] of Object.entries(tight.parameters)) expect(data).toEqual(roomy.parameters[name].data)
    },
  )

  test('summary and memory say what a model takes', async () => {
    const model = await createModel(cnn(), {
      input: [1, 28, 28],
      batch: 64,
      loss,
      optimizer: adam({ learningRate: 1e-3 }),
      backend: 'js',
    })
    const text = model.summary()
    for (const part of [
      'conv2d',
      '16 x 28 x 28',
      '4,640',
      '20,586',
      'activations',
      model.memory.total.toLocaleString('en'),
    ]) {
      expect(text).toContain(part)
    }
  })

  test('a model over 4 GiB is refused with the figure and a way out', async () => {
    const network = sequential(conv2d(64, { kernel: 3, pad: 1 }), residual(relu()), globalAvgPool2d(), dense(2))
    const model = createModel(network, { input: [3, 512, 512], batch: 64, loss, optimizer: sgd({ learningRate: 1 }) })
    await expect(model).rejects.toThrow(PlanError)
    await expect(model).rejects.toThrow(
      /needs \d+\.\d\d GiB .* more than the 4 GiB .*smaller batch \(now 64\).*float32/,
    )
    await expect(createModel(sequential(flatten(), dense(1e6)), { input: [1e6], batch: 1 })).rejects.toThrow(/GiB/)
  })
})

test.each(['wasm', 'js'] as const)('memory that cannot be had is refused with the figure, on %s', async (backend) => {
  // Stands in for a host that is out of memory.
  function full() {
    throw new RangeError('out of memory')
  }
  vi.stubGlobal('ArrayBuffer', full)
  vi.spyOn(WebAssembly, 'Memory').mockImplementation(full)
  try {
    const model = createModel(dense(4), { input: [1000], batch: 8, backend })
    await expect(model).rejects.toThrow(
      /this host gives no memory of 0\.\d MiB, nor any other; models living in this thread: \d+/,
    )
    await expect(model).rejects.toThrow(PlanError)
  } finally {
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
  }
})
