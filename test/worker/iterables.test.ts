// Batches of an iterable stay with the page: a model in a worker asks for one after the other.
import { describe, expect, test } from 'vitest'
import { sgd } from '../../src/entries/index'
import { createRemote, data, rejection, twins } from '../support/workers'

describe('batches of an iterable', () => {
  const rows = (from: number, to: number) => ({ x: data.x.slice(4 * from, 4 * to), y: data.y.slice(from, to) })
  const batches = [rows(0, 16), rows(16, 20), rows(20, 30)]
  const sources: [string, () => any][] = [
    ['an array', () => batches],
    [
      'a generator for each epoch',
      () =>
        function* (epoch: number) {
          yield* epoch ? batches : batches.toReversed()
        },
    ],
    [
      'an async one',
      () =>
        async function* (epoch: number) {
          yield* epoch ? batches : batches.toReversed()
        },
    ],
  ]

  test.each(sources)('%s', async (_, source) => {
    const { remote, local } = await twins({ optimizer: sgd({ learningRate: 0.1 }) })
    const options = () => ({ epochs: 3, validation: source(), onBatch() {} })
    expect(await remote.fit(source(), options())).toEqual(await local.fit(source(), options()))
    expect(await remote.evaluate(source())).toEqual(await local.evaluate(source()))
    expect(await remote.save()).toEqual(local.save())
    expect(batches[0].x.length).toBe(64)
    await remote.close()
  })

  test('are fetched one ahead, and their source is closed', async () => {
    const remote = await createRemote({ optimizer: sgd({ learningRate: 0.1 }) })
    const log: string[] = []
    const source = function* () {
      try {
        for (let i = 0; ; i++) {
          log.push(`batch ${i}`)
          yield batches[0]
        }
      } finally {
        log.push('closed')
      }
    }
    const onBatch = ({ batch }: { batch: number }) => {
      log.push(`trained ${batch}`)
      return batch < 2
    }
    await remote.fit(source, { onBatch })
    expect(log).toEqual(['batch 0', 'batch 1', 'trained 1', 'batch 2', 'trained 2', 'closed'])
    await remote.close()
  })

  test('go on where a checkpoint was taken', async () => {
    const { remote, local } = await twins()
    const source = async function* (epoch: number) {
      yield* epoch % 2 ? batches : batches.toReversed()
    }
    const options = { steps: 8, initialEpoch: 0 }
    let kept = new Uint8Array()
    const whole = await local.fit(source, options)
    const save = (bytes: Uint8Array<ArrayBuffer>) => void (kept = bytes)
    const first = await createRemote()
    const onBatch = ({ epoch, batch }: { epoch: number; batch: number }) => {
      if (epoch === 1 && batch === 3) throw new Error('the end')
    }
    await first.fit(source, { ...options, checkpoint: { every: { steps: 5 }, save }, onBatch }).catch(() => {})
    expect(await remote.fit(source, { ...options, resume: kept })).toEqual(whole)
    expect(await remote.save()).toEqual(local.save())
    await Promise.all([remote.close(), first.close()])
  })

  test('what is wrong with them is said as ever', async () => {
    const { remote, local } = await twins()
    const wrong: [string, any][] = [
      ['a bad batch', [batches[0], { x: [1, 2, 3], y: [0] }]],
      ['a batch that is none', [batches[0], 5]],
      ['none', []],
      ['no iterable', () => 5],
      ['an iterator that ran', [batches[0]].values()],
      ['an iterator without next', { [Symbol.iterator]: () => ({}) }],
    ]
    for (const [name, source] of wrong) {
      const again = name === 'an iterator that ran' ? [batches[0]].values() : source
      const far = await rejection(() => remote.fit(source, { epochs: 2 }))
      const near = await rejection(() => local.fit(again, { epochs: 2 }))
      expect(String(far), name).toBe(String(near))
      expect((far as Error).constructor, name).toBe((near as Error).constructor)
    }
    await remote.close()
  })
})
