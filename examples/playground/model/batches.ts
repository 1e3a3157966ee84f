// The batch of each step, a function of the setting and of the step alone: a run that went back goes on as it did before.

import { createRandom } from 'v128'
import { type Dataset, scaling, sizeOf } from '../data/dataset'
import type { Setting } from './setting'

/** Of createRandom, as fit has it. */
const SHUFFLE = 1

/** Changes the first n of raw pictures in place, as drawn for a step. */
export type Transform = (input: { shape: number[]; data: Float32Array }, n: number, step: number) => void

export class Batches {
  /** Steps in an epoch; rows that are left over wait for the next order. */
  readonly perEpoch: number
  readonly size: number
  readonly #data: Dataset
  readonly #setting: Setting
  readonly #scaling: { times: number; plus: number }
  #transform: Transform | undefined
  #epoch = -1
  #order = new Uint32Array()

  /** `transform` as load would load it. */
  constructor(data: Dataset, setting: Setting, transform?: Transform) {
    this.#data = data
    this.#setting = setting
    this.#scaling = scaling(setting.scale, data)
    this.size = Math.min(setting.batch, data.train.y.length)
    this.perEpoch = Math.max(1, Math.floor(data.train.y.length / this.size))
    this.#transform = transform
  }

  /** Loads what changes pictures, where some are to be changed: before the first batch. */
  async load(): Promise<void> {
    if (this.#data.input.length !== 3 || !Object.values(this.#setting.augment).some((much) => much > 0)) return
    const { augmentation } = await import('./augmentation')
    this.#transform = augmentation(this.#setting)
  }

  /** Raw values of the batch of a step, augmented. */
  raw(step: number): { x: Float32Array; y: Uint8Array; rows: Uint32Array } {
    const { train, input } = this.#data
    const length = sizeOf(input)
    const epoch = Math.floor(step / this.perEpoch)
    if (epoch !== this.#epoch) {
      const rows = Uint32Array.from({ length: train.y.length }, (_, i) => i)
      this.#order = createRandom(this.#setting.seed, SHUFFLE, epoch).shuffle(rows)
      this.#epoch = epoch
    }
    const start = (step % this.perEpoch) * this.size
    const rows = this.#order.slice(start, start + this.size)
    const x = new Float32Array(this.size * length)
    const y = new Uint8Array(this.size)
    rows.forEach((from, i) => {
      x.set(train.x.subarray(from * length, (from + 1) * length), i * length)
      y[i] = train.y[from]
    })
    this.#transform?.({ shape: [this.size, ...input], data: x }, this.size, step)
    return { x, y, rows }
  }

  /** The same as the network gets them. */
  at(step: number): { x: Float32Array; y: Uint8Array } {
    const { x, y } = this.raw(step)
    const { times, plus } = this.#scaling
    if (times !== 1 || plus !== 0) for (let i = 0; i < x.length; i++) x[i] = x[i] * times + plus
    return { x, y }
  }

  /** Raw values of any rows as the network gets them. */
  scaled(raw: ArrayLike<number>): Float32Array {
    const { times, plus } = this.#scaling
    return Float32Array.from(raw, (v) => v * times + plus)
  }
}
