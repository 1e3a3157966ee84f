// How numbers get into a worker and out of it: shared, moved, or copied once.
import { describe, expect, test, vi } from 'vitest'
import { DataError, PlanError } from '../../src/entries/index'
import { loadWorkerModel } from '../../src/entries/worker'
import { createNumbers, packResult } from '../../src/worker/parcel'
import { marked } from '../../src/worker/protocol'
import { serve } from '../../src/worker/serve'
import { createRemote, data, rejection, startWorker, twins } from '../support/workers'

const rows = () => ({ x: data.x.slice(), y: data.y.slice() })

describe('arrays of the caller', () => {
  test('stay as they are unless they may be moved', async () => {
    const { remote, local } = await twins()
    const [near, moved] = [rows(), rows()]
    await remote.fit(near)
    expect([near.x.length, near.y.length]).toEqual([400, 100])
    await remote.fit(moved, { transfer: true })
    expect([moved.x.length, moved.y.length]).toEqual([0, 0])
    await local.fit(near)
    await local.fit(near)
    expect(await remote.save()).toEqual(local.save())

    const x = data.x.slice()
    await remote.predict(x, { transfer: true })
    const other = rows()
    await remote.evaluate(other, { transfer: true })
    expect([x.length, other.x.length, other.y.length]).toEqual([0, 0, 0])
    expect(String(await rejection(() => remote.fit(data, { transfer: 1 as unknown as boolean })))).toBe(
      'PlanError: fit: transfer must be true or false, got 1',
    )
    await remote.close()
  })

  test('are shared where their memory is', async () => {
    const remote = await createRemote()
    const shared = new Float64Array(new SharedArrayBuffer(3200))
    shared.set(data.x)
    const source = { x: shared, y: data.y }
    const fits: string[] = []
    // What this side writes while the run goes on, it sees: a row that spoils the loss of the next epoch.
    const { loss } = await remote.fit(source, {
      epochs: 2,
      shuffle: false,
      onEpoch({ epoch }) {
        fits.push(String(epoch))
        shared.fill(0)
      },
    })
    const again = await createRemote()
    const copied = await again.fit(rows(), { epochs: 2, shuffle: false })
    expect(loss[0]).toBe(copied.loss[0])
    expect(loss[1]).not.toBe(copied.loss[1])
    expect(fits).toEqual(['0', '1'])
    await Promise.all([remote.close(), again.close()])
  })

  test('are copied once, and no more of their buffer than they have', () => {
    const large = new Float64Array(1000)
    const view = large.subarray(10, 20)
    const { pack, transfer } = createNumbers(false)
    const packed = pack(view) as Float64Array
    expect(packed).toEqual(view)
    expect(packed.buffer.byteLength).toBe(80)
    // Moved, so that posting makes no other copy; and one array twice is one copy.
    expect(transfer).toEqual([packed.buffer])
    expect(pack(view)).toBe(packed)
    const pooled = Buffer.from([1, 2, 3])
    const bytes = pack(pooled) as Uint8Array
    expect([...bytes, bytes.buffer.byteLength]).toEqual([1, 2, 3, 3])
    expect(pack(new DataView(new ArrayBuffer(9), 3, 2))).toMatchObject({ byteLength: 2, byteOffset: 0 })
    expect(pack(5)).toBe(5)
  })

  test('may be of any kind', async () => {
    const { remote, local } = await twins()
    class Rows {
      get x() {
        return data.x
      }
      y = [...data.y]
    }
    const kinds = [
      new Rows(),
      { x: [...data.x], y: BigInt64Array.from(data.y, BigInt), shape: [4] },
      { x: { ...data.x, length: 400 }, y: new Uint8ClampedArray(data.y) },
      { x: Float32Array.from(data.x), y: new Uint16Array(data.y).subarray(0) },
      { x: data.x.subarray(0, 40), y: Buffer.from(data.y.slice(0, 10)) },
    ]
    for (const kind of kinds) expect(await remote.fit(kind)).toEqual(await local.fit(kind))
    expect(await remote.save()).toEqual(local.save())
    expect(await remote.predict([1, 2, 3, 4])).toEqual(local.predict([1, 2, 3, 4]))
    await remote.close()
  })

  test('that are wrong are said as ever', async () => {
    const { remote, local } = await twins()
    const wrong: any[] = [undefined, null, 5, {}, [1, 2], { x: [1] }, { x: [1, 2, 3, NaN], y: [0] }, { ...data, z: 1 }]
    for (const one of wrong) {
      const far = (await rejection(() => remote.fit(one))) as Error
      const near = (await rejection(() => local.fit(one))) as Error
      expect(far.constructor).toBe(near.constructor)
      expect(far.message).toBe(near.message)
    }
    expect(await rejection(() => remote.predict([]))).toBeInstanceOf(DataError)
    const unsendable = await rejection(() => remote.fit({ x: [1, 2, 3, new WeakMap()], y: [0] } as never))
    expect(unsendable).toBeInstanceOf(PlanError)
    expect(String(unsendable)).toMatch(/^PlanError: fit: what it was given cannot be sent to the worker: /)
    const spoilt = {
      get x(): never {
        throw new Error('no')
      },
      y: [0],
    }
    expect(String(await rejection(() => remote.fit(spoilt)))).toBe(
      'PlanError: fit: what it was given cannot be read: an Error("no")'.replace('an Error', 'Error'),
    )
    expect(String(await rejection(() => remote.fit(Promise.resolve(data) as never)))).toMatch(
      /is a promise: await it first/,
    )
    // It goes on as before.
    expect((await remote.fit(data)).stopped).toBe('end')
    await remote.close()
  })
})

describe('arrays that were moved before', () => {
  const moved = (where: string) =>
    `DataError: ${where}: an array that it was given is empty, since it was moved by an earlier call with transfer: ` +
    'true, or by postMessage; hand in another, or leave out the transfer of that call'

  test.each([true, false])('are said, with transfer: %s', async (transfer) => {
    const remote = await createRemote()
    const x = data.x.slice()
    const both = rows()
    await remote.predict(x, { transfer: true })
    await remote.fit(both, { transfer: true })
    const calls: Record<string, () => Promise<unknown>> = {
      predict: () => remote.predict(x, { transfer }),
      forward: () => remote.forward(x, { transfer }),
      evaluate: () => remote.evaluate({ x: data.x.slice(), y: both.y }, { transfer }),
      fit: () => remote.fit(both, { transfer }),
      trainStep: () => remote.trainStep(x, [0]),
      backward: () => remote.backward(x),
      restore: () => remote.restore(x.buffer),
    }
    for (const [name, call] of Object.entries(calls)) expect(String(await rejection(call))).toBe(moved(name))
    // What is empty of itself is said as ever, and all else goes on.
    expect(String(await rejection(() => remote.predict(new Float64Array(0), { transfer })))).not.toMatch(/moved/)
    expect((await remote.predict([1, 2, 3, 4])).shape).toEqual([1, 3])
    await remote.close()
  })

  test('are said of a batch, and of a file', async () => {
    const remote = await createRemote()
    const batch = { x: data.x.slice(0, 40), y: data.y.slice(0, 10) }
    const twice = () => [batch, batch]
    expect(String(await rejection(() => remote.fit(twice, { transfer: true })))).toBe(moved('fit'))
    const bytes = await remote.save()
    structuredClone(bytes, { transfer: [bytes.buffer] })
    expect(String(await rejection(() => loadWorkerModel(bytes, { worker: startWorker })))).toBe(
      moved('loadWorkerModel'),
    )
    await remote.close()
  })
})

describe('what cannot be posted', () => {
  test('of a batch rejects the run that it was for', async () => {
    const remote = await createRemote()
    const batches = () => [{ x: [1, 2, 3, new WeakMap()], y: [0] }]
    const error = await rejection(() => remote.fit(batches as never))
    expect(error).toBeInstanceOf(PlanError)
    expect(String(error)).toMatch(/^PlanError: fit: what it was given cannot be sent to the worker: /)
    expect((await remote.fit(data)).stopped).toBe('end')
    await remote.close()
  })

  test('from the worker rejects the call', async () => {
    const { scope, said } = fakeScope((message) => structuredClone(message))
    await scope.order({ type: 'do', id: 0, deed: 'get', name: 'parameters', parcel: { values: [], links: [] } })
    expect(said.at(-1)).toMatchObject({ type: 'failed', id: 0, error: { name: 'PlanError' } })
    scope.refuses = true
    const options = { input: [1] }
    const recipe = { parts: JSON.stringify({ network: { kind: 'relu', config: {} } }), options }
    await scope.order({ type: 'do', id: 1, deed: 'create', name: 'here', parcel: { values: [recipe], links: [] } })
    expect(said.at(-1)).toMatchObject({
      type: 'failed',
      id: 1,
      error: { name: 'PlanError', message: 'here: what it gives cannot be sent from the worker: too large' },
    })
  })

  test('or arrives broken rejects all that is in flight', async () => {
    const { scope, said } = fakeScope((message) => message)
    scope.unread()
    expect(said.at(-1)).toMatchObject({ type: 'unread' })

    const worker = startWorker()
    const remote = await createRemote({ worker: () => worker })
    const run = rejection(() => remote.fit(data, { epochs: Infinity }))
    worker.emit('message', marked({ type: 'unread' }))
    expect(String(await run)).toMatch(
      /^PlanError: fit: the worker of this model is gone: something that was sent to it could not be read there; /,
    )
  })
})

/** What serve runs in, and what it said there. */
function fakeScope(clone: (message: any) => any) {
  const listeners: Record<string, (message: any) => void> = {}
  const said: any[] = []
  const scope = {
    /** Whether results are refused. */
    refuses: false,
    postMessage(message: any) {
      if (scope.refuses && message.type === 'done') throw new Error('too large')
      said.push(clone(message))
    },
    addEventListener() {},
    on: (name: string, listener: (message: any) => void) => void (listeners[name] = listener),
    unread: () => listeners.messageerror(undefined),
    /** Resolves once it was answered. */
    async order(order: object) {
      const before = said.length
      listeners.message(marked(order))
      await vi.waitFor(() => expect(said.length).toBeGreaterThan(before))
    },
  }
  serve(scope)
  return { scope, said }
}

describe('what comes back', () => {
  test('is moved, and no view of the memory of the model', async () => {
    const remote = await createRemote()
    const { data: before, shape } = (await remote.parameters)['0.weight']
    expect(before.buffer.byteLength).toBe(8 * shape[0] * shape[1])
    const kept = before.slice()
    await remote.fit(data)
    expect(before).toEqual(kept)
    expect((await remote.parameters)['0.weight'].data).not.toEqual(kept)
    await remote.close()
  })

  test('is moved as it is where it has a buffer of its own', () => {
    const whole = new Float64Array(4)
    const part = new Float64Array(8).subarray(0, 4)
    const { value, transfer } = packResult({ whole, tensors: { part } }) as {
      value: { whole: Float64Array; tensors: { part: Float64Array } }
      transfer: unknown[]
    }
    expect(value.whole).toBe(whole)
    expect(value.tensors.part).not.toBe(part)
    expect(transfer).toEqual([whole.buffer, value.tensors.part.buffer])
  })
})

test('a gradient that is not there is an error once it is looked at', async () => {
  const { remote, local } = await twins({ frozen: ['0'] })
  const dy = data.x.slice(0, 15)
  const x = data.x.slice(0, 20)
  await remote.forward(x, { training: true })
  local.forward(x, { training: true })
  const [far, near] = [await remote.backward(dy), local.backward(dy)]
  expect(far.shape).toEqual(near.shape)
  const [farError, nearError] = [await rejection(() => far.data), await rejection(() => near.data)]
  expect(farError).toBeInstanceOf(PlanError)
  expect(String(farError)).toBe(String(nearError))
  await remote.close()
})
