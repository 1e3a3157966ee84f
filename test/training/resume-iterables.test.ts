// What fit says where a run cannot go on as it was: nothing changes, and what was opened is closed.
import { describe, expect, test } from 'vitest'
import { type Data, DataError, type FitOptions, type Model, adam } from '../../src/entries/index'
import { NOTHING, outcomeOf } from '../support/mistakes'
import { batches, cnn } from './runs'

const weightsOf = (model: Model) => Buffer.from(model.save()).toString('base64')

const create = () => cnn({ optimizer: adam({ learningRate: 1e-2 }) })

/** The checkpoint of a run over an iterable after two batches of epoch 1. */
async function middle(): Promise<Uint8Array<ArrayBuffer>> {
  const model = await create()
  let taken: Uint8Array<ArrayBuffer> | undefined
  const take = ({ epoch, batch }: { epoch: number; batch: number }) => {
    if (epoch === 1 && batch === 2) taken = model.checkpoint()
  }
  // Else nobody asks for the checksums of batches.
  await model.fit(batches, { epochs: 2, onBatch: take, checkpoint: { every: { epochs: 9 }, save() {} } })
  return taken!
}

describe('an iterable that gives something else', () => {
  const bytes = middle()
  /** Resumes over what `gives` says of the batches of epoch 1; counts what is open. */
  const resume = async (gives: (batches: Data[]) => Data[], resume: FitOptions['resume']) => {
    const model = await create()
    const before = weightsOf(model)
    let open = 0
    async function* read(epoch: number) {
      open++
      try {
        yield* gives(batches(epoch))
      } finally {
        open--
      }
    }
    const error = await outcomeOf(() => model.fit(read, { epochs: 2, resume }))
    return { error, open, same: weightsOf(model) === before }
  }

  test('other batches', async () => {
    const { error, ...others } = await resume(([a, b, ...rest]) => [b, a, ...rest], await bytes)
    expect(error).toBeInstanceOf(DataError)
    expect((error as DataError).message).toMatch(
      /^fit: resume: the iterable gave others for the first 2 batches of epoch 1; /,
    )
    expect(others).toEqual({ open: 0, same: true })
  })

  test('fewer batches', async () => {
    const { error, ...others } = await resume(([a]) => [a], await bytes)
    expect(error).toBeInstanceOf(DataError)
    expect((error as DataError).message).toMatch(
      /^fit: resume: the iterable ended after 1 of the 2 batches that were done of epoch 1; /,
    )
    expect(others).toEqual({ open: 0, same: true })
  })

  test('is taken where that is said', async () => {
    const outcome = await resume(([a]) => [a], { bytes: await bytes, data: 'changed' })
    expect(outcome).toEqual({ error: NOTHING, open: 0, same: false })
  })
})
