// A network of several inputs and outputs in a worker: as here, by name.
import { expect, test } from 'vitest'
import {
  add,
  adam,
  concat,
  createModel,
  createRandom,
  dense,
  freeze,
  graph,
  meanSquaredError,
  softmaxCrossEntropy,
} from '../../src/entries/index'
import { createWorkerModel, loadWorkerModel } from '../../src/entries/worker'
import { rejection, startWorker } from '../support/workers'

const plain = <T>(value: T) => structuredClone(value)

const network = () =>
  graph(['a', 'b'], ({ a, b }, use) => {
    const eye = dense(3)
    const both = use('both', concat(), use('eye', eye, a), use('eye', eye, b))
    return { digit: use('digit', dense(2), both), price: use('price', dense(1), use('sum', add(), a, b)) }
  })

const options = {
  input: { a: [4], b: [4] },
  batch: 8,
  loss: { digit: softmaxCrossEntropy(), price: meanSquaredError({ weight: 0.5 }) },
  optimizer: adam({ learningRate: 0.01 }),
  seed: 2,
}

const rows = (n: number) => {
  const random = createRandom(1)
  const normals = (count: number) => Float64Array.from({ length: count }, () => random.normal())
  return {
    x: { a: normals(4 * n), b: normals(4 * n) },
    y: { digit: Uint8Array.from({ length: n }, () => random.integer(2)), price: normals(n) },
  }
}

test('all of it, to the bits', async () => {
  const remote = await createWorkerModel(network(), { ...options, worker: startWorker })
  const local = await createModel(network(), options)
  const data = rows(20)
  const how = { epochs: 2, validation: rows(5) }
  expect(await remote.fit(data, how)).toEqual(await local.fit(data, how))
  expect(await remote.evaluate(data)).toEqual(local.evaluate(data))
  expect(await remote.predict(data.x, { probabilities: true })).toEqual(local.predict(data.x, { probabilities: true }))
  expect(await remote.fit(() => [rows(8), rows(3)], { epochs: 2 })).toEqual(
    await local.fit(() => [rows(8), rows(3)], { epochs: 2 }),
  )
  const few = rows(4)
  expect(await remote.trainStep(few.x, few.y)).toBe(local.trainStep(few.x, few.y))
  expect(await remote.forward(few.x)).toEqual(plain(local.forward(few.x)))
  const dy = { digit: new Float64Array(8).fill(1), price: [1, 2, 3, 4] }
  expect(await remote.backward(dy)).toEqual(plain(local.backward(dy)))
  expect(await remote.input).toEqual(plain(local.input))
  expect(await remote.output).toEqual(plain(local.output))
  expect(await remote.checkpoint()).toEqual(local.checkpoint())
  const bytes = await remote.save()
  expect(bytes).toEqual(local.save())
  await remote.fit(data, { transfer: true })
  expect([data.x.a.length, data.x.b.length, data.y.digit.length, data.y.price.length]).toEqual([0, 0, 0, 0])
  await remote.close()

  const loaded = await loadWorkerModel<'float64', false, 'a' | 'b', 'digit' | 'price'>(bytes, { worker: startWorker })
  expect((await loaded.predict(few.x)).digit.shape).toEqual([4, 2])
  const message = String(await rejection(() => loaded.predict({ a: few.x.a } as never)))
  expect(message).toMatch(/^DataError: x has no 'b'/)
  await loaded.close()
})

test('a gradient of inputs that was not planned is an error when it is looked at', async () => {
  const still = graph(['a', 'b'], ({ a, b }, use) => {
    const body = freeze(dense(2))
    return use('head', dense(1), use('sum', add(), use('body', body, a), use('body', body, b)))
  })
  const remote = await createWorkerModel(still, { input: { a: [1], b: [1] }, worker: startWorker })
  await remote.forward({ a: [1], b: [2] })
  const dx = await remote.backward([1])
  expect(dx.a.shape).toEqual([1, 1])
  expect(() => dx.b.data).toThrow(/the gradient of the input, through frozen layers, was not planned/)
  await remote.close()
})
