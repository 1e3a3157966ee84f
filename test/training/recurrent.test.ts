// Recurrent layers in training: lengths, state that goes on from batch to batch, pauses within long sequences.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  DataError,
  PlanError,
  adam,
  createModel,
  createRandom,
  dense,
  embedding,
  gradientCheck,
  gru,
  lbfgs,
  loadModel,
  lstm,
  meanSquaredError,
  rnn,
  sequential,
  sgd,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { coreOf } from '../../src/model/core-of'
import { nameOf } from '../../src/plan/calls'

const random = createRandom(3, 7)
const normals = (count: number) => Float64Array.from({ length: count }, () => random.normal())

const LAYERS = { rnn, lstm, gru }
const [T, D, N] = [6, 3, 5]

describe.each(Object.entries(LAYERS))('%s', (_, layer) => {
  test('what is beyond the lengths changes nothing', async () => {
    const lengths = [6, 1, 3, 5, 2]
    const labels = [0, 1, 2, 0, 1]
    const x = normals(N * T * D)
    const spoilt = x.map((v, i) => (Math.floor(i / D) % T < lengths[Math.floor(i / (T * D))] ? v : 1e300))
    const results = await Promise.all(
      [x, spoilt].map(async (input) => {
        const network = sequential(layer(4, { output: 'all', bidirectional: true }), layer(3), dense(3))
        const settings = {
          input: [T, D],
          batch: N,
          loss: softmaxCrossEntropy(),
          optimizer: adam({ learningRate: 0.01 }),
        }
        const model = await createModel(network, settings)
        const losses = [1, 2, 3].map(() => model.trainStep(input, labels, { lengths }))
        return { losses, y: [...model.predict(input, { lengths }).data], dx: model.parameters['0.weight_ih_l0'].data }
      }),
    )
    expect(results[0].losses.every(Number.isFinite)).toBe(true)
    expect(results[1]).toEqual(results[0])
  })

  test('a row of its length gives what a shorter sequence gives', async () => {
    const network = layer(4, { bidirectional: true })
    const long = await createModel(network, { input: [T, D], batch: 1, seed: 4 })
    const short = await createModel(network, { input: [2, D], batch: 1, seed: 4 })
    const x = normals(T * D)
    expect(long.forward(x, { lengths: [2] }).data).toEqual(short.forward(x.subarray(0, 2 * D)).data)
    expect(() => long.forward(x, { lengths: [7] })).toThrow(DataError)
  })

  test('passes the gradient check with lengths', async () => {
    const network = sequential(layer(3, { output: 'all', bidirectional: true }), layer(2), dense(3))
    const model = await createModel(network, { input: [T, D], batch: 3, loss: softmaxCrossEntropy() })
    const check = gradientCheck(model, normals(3 * T * D), [0, 1, 2], { lengths: [4, 1, 6], input: true })
    expect(check.error).toBeLessThan(1e-6)
  })

  test('a stateful layer goes on where the batch before ended: pieces give what the whole gives', async () => {
    const whole = await createModel(layer(4, { output: 'all' }), { input: [T, D], batch: 2, seed: 4 })
    const pieces = await createModel(layer(4, { output: 'all', stateful: true }), { input: [2, D], batch: 2, seed: 4 })
    const x = normals(2 * T * D)
    const piece = (at: number) =>
      Float64Array.from([
        ...x.subarray(2 * at * D, 2 * (at + 1) * D),
        ...x.subarray((T + 2 * at) * D, (T + 2 * at + 2) * D),
      ])
    const y = whole.forward(x).data
    const check = () => {
      for (const at of [0, 1, 2]) {
        const part = pieces.forward(piece(at)).data
        expect([...part.subarray(0, 8)]).toEqual([...y.subarray(8 * at, 8 * at + 8)])
        expect([...part.subarray(8)]).toEqual([...y.subarray(4 * T + 8 * at, 4 * T + 8 * at + 8)])
      }
    }
    check()
    const after = pieces.forward(piece(0)).data.slice()
    expect(after).not.toEqual(whole.forward(x).data.subarray(0, 16))
    pieces.resetState()
    check()
    // predict begins anew, goes on from batch to batch, and leaves the state as it was.
    pieces.resetState()
    pieces.forward(piece(0))
    const rows = Float64Array.from([0, 1, 2].flatMap((at) => [...piece(at)]))
    const predicted = pieces.predict(rows).data
    expect([...predicted.subarray(0, 8)]).toEqual([...y.subarray(0, 8)])
    expect([...predicted.subarray(32, 40)]).toEqual([...y.subarray(16, 24)])
    expect([...pieces.forward(piece(1)).data.subarray(0, 8)]).toEqual([...y.subarray(8, 16)])
  })

  test('a row that is not in a batch keeps its state', async () => {
    const model = await createModel(layer(2, { stateful: true }), { input: [1, D], batch: 2, seed: 4 })
    const [a, b] = [normals(D), normals(D)]
    model.forward([...a, ...b])
    model.forward(a)
    model.forward(a)
    const y = model.forward([...a, ...b]).data.slice()
    model.resetState()
    model.forward([...a, ...b])
    expect([...model.forward([...a, ...b]).data.subarray(2)]).toEqual([...y.subarray(2)])
  })

  test('a run with a state that is stopped anywhere and resumed ends with the same bits', async () => {
    const network = sequential(layer(4, { stateful: true }), dense(1))
    const settings = { input: [3, D], batch: 2, loss: meanSquaredError(), optimizer: adam({ learningRate: 0.01 }) }
    const data = { x: normals(10 * 3 * D), y: normals(10) }
    const saved: Uint8Array<ArrayBuffer>[] = []
    const model = await createModel(network, settings)
    const options = { epochs: 2, shuffle: false, validation: { x: normals(4 * 3 * D), y: normals(4) } }
    await model.fit(data, { ...options, checkpoint: { every: { steps: 1 }, save: (bytes) => void saved.push(bytes) } })
    expect(saved.length).toBeGreaterThan(8)
    for (const bytes of [saved[2], saved[6]]) {
      const again = await createModel(network, settings)
      await again.fit(data, { ...options, resume: bytes })
      expect([...again.save()]).toEqual([...model.save()])
      const next = data.x.subarray(0, 6 * D)
      const restored = await createModel(network, settings)
      restored.restore(model.checkpoint())
      expect(again.forward(next).data).toEqual(restored.forward(next).data)
      // A checkpoint is a model file, of weights alone.
      expect((await createModel(network, { ...settings, batch: 7 })).load(bytes).unexpected).toEqual([])
    }
    const other = await loadModel(model.save())
    expect(other.predict(data.x).data).toEqual(model.predict(data.x).data)
  })

  test('steps that were not taken leave the state as it was; looking leaves it, too', async () => {
    const network = sequential(layer(3, { stateful: true }), dense(1))
    const settings = { input: [2, D], batch: 2, loss: meanSquaredError(), optimizer: sgd({ learningRate: 0.01 }) }
    const model = await createModel(network, settings)
    const x = normals(4 * D)
    model.trainStep(x, [1, 2])
    const before = model.checkpoint()
    expect(gradientCheck(model, x, [1, 2]).error).toBeLessThan(1e-6)
    model.evaluate({ x, y: [1, 2] })
    model.predict(x)
    expect(model.checkpoint()).toEqual(before)
    const y = model.forward(x).data.slice()
    model.restore(before)
    expect(
      model.trainStep(
        x.map((v) => v * 1e200),
        [1e300, 1e300],
      ),
    ).toBe(Infinity)
    expect(model.forward(x).data).toEqual(y)
  })

  test('a long sequence is cut into calls, which give the same bits', async () => {
    const network = sequential(layer(64, { output: 'all' }), layer(64, { bidirectional: true }), dense(3))
    const settings = { input: [150, 2], loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 0.01 }) }
    const calls = (model: any) =>
      coreOf('test', model).run.training.filter(({ call }) => nameOf(call).startsWith('recurrent')).length
    const small = await createModel(network, { ...settings, batch: 2 })
    const large = await createModel(network, { ...settings, batch: 640 })
    expect(calls(small)).toBe(6)
    expect(calls(large)).toBeGreaterThan(12)
    const x = normals(2 * 150 * 2)
    for (const model of [small, large]) model.trainStep(x, [0, 2])
    for (const [name, { data }] of Object.entries(small.parameters)) expect(large.parameters[name].data).toEqual(data)
  })
})

test('a state wants rows in their order, one direction and one place', async () => {
  const model = await createModel(sequential(lstm(2, { stateful: true }), dense(1)), {
    input: [2, 1],
    batch: 2,
    loss: meanSquaredError(),
    optimizer: lbfgs(),
  })
  const data = { x: normals(4), y: [1, 2] }
  await expect(model.fit(data, { epochs: 1 })).rejects.toThrow(/^fit: a stateful layer .* set shuffle: false$/)
  await model.fit(data, { epochs: 2, shuffle: false })
  expect(() => gru(2, { stateful: true, bidirectional: true })).toThrow(PlanError)
  expect(() => gru(2, { stateful: true, bidirectional: true })).toThrow(/^gru: stateful and bidirectional: /)
  await expect(createModel(lstm(2), { input: [3] })).rejects.toThrow(
    'lstm: wants sequences (T, D), got an input of shape (3); one number at each of 3 steps is an input of [3, 1]',
  )
})

// ---- against PyTorch ----

interface Numbers {
  readonly shape: number[]
  readonly data: number[]
}

const golden = new URL('../fixtures/golden/training2.json', import.meta.url)
const classifier = JSON.parse(readFileSync(golden, 'utf8')).cases.find((c: any) => c.config.kind === 'recurrent')

describe.each(['float64', 'float32'] as const)('%s', (dtype) => {
  test.each([
    ['wasm', 1],
    ['wasm', 2],
    ['js', 1],
  ] as const)("a classifier's training is PyTorch's, on %s and %i threads", async (backend, threads) => {
    const { config, inputs, outputs } = classifier
    const [ids] = inputs.batches.map((batch: any) => batch.ids.shape as number[])
    const network = sequential({
      embedding: embedding(config.vocabulary, config.size),
      first: lstm(config.units[0], { output: 'all' }),
      second: lstm(config.units[1]),
      dense: dense(config.classes),
    })
    const { learningRate, beta1, beta2, epsilon } = config.optimizer.config
    const model: any = await createModel(network, {
      input: { shape: ids.slice(1), dtype: 'int32' },
      batch: ids[0],
      dtype,
      backend,
      threads,
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate, beta1, beta2, epsilon }),
    })
    for (const [name, { data }] of Object.entries<Numbers>(inputs.parameters)) model.parameters[name].data.set(data)
    for (let step = 0; step < config.steps; step++) {
      const batch = inputs.batches[step % config.batches]
      const loss = model.trainStep(batch.ids.data, batch.labels.data ?? batch.labels)
      expect(Math.abs(loss / outputs.loss[step] - 1)).toBeLessThan(dtype === 'float64' ? 1e-8 : 1e-4)
    }
    for (const [name, { data }] of Object.entries<Numbers>(outputs.parameters)) {
      const largest = Math.max(...data.map(Math.abs))
      data.forEach((value, i) => {
        const error = Math.abs(model.parameters[name].data[i] - value) / largest
        expect(error, `${name} ${i}`).toBeLessThan(dtype === 'float64' ? 1e-8 : 1e-3)
      })
    }
    model.close()
  })
})
