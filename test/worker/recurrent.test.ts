// A stateful network in a worker: the state goes on, is put back to 0 and comes with checkpoints as here.
import { expect, test } from 'vitest'
import { adam, createModel, createRandom, dense, lstm, meanSquaredError, sequential } from '../../src/entries/index'
import { createWorkerModel } from '../../src/entries/worker'
import { startWorker } from '../support/workers'

test('a state in a worker', async () => {
  const network = sequential(lstm(3, { stateful: true }), dense(1))
  const options = { input: [4, 2], batch: 2, loss: meanSquaredError(), optimizer: adam({ learningRate: 0.01 }) }
  const here = await createModel(network, options)
  const there = await createWorkerModel(network, { ...options, worker: startWorker })
  const random = createRandom(3, 7)
  const x = Float64Array.from({ length: 16 }, () => random.normal())
  const first = here.forward(x).data.slice()
  const second = here.forward(x).data.slice()
  expect(second).not.toEqual(first)
  expect((await there.forward(x)).data).toEqual(first)
  expect((await there.forward(x)).data).toEqual(second)
  await there.resetState()
  expect((await there.forward(x)).data).toEqual(first)
  here.restore(await there.checkpoint())
  expect(here.forward(x).data).toEqual(second)
  const data = { x, y: [1, 2] }
  const how = { epochs: 2, shuffle: false }
  expect(await there.fit(data, how)).toEqual(await here.fit(data, how))
  expect([...(await there.save())]).toEqual([...here.save()])
  await there.close()
})
