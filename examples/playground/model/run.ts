// One training in a worker, step by step: each batch is made here, so every step is known, can be taken alone, and comes
// out the same whenever it is taken again.

import { type Signal, signal } from '@preact/signals'
import type { Ability } from 'v128'
import type { WorkerModel } from 'v128/worker'
import { type Dataset, first, sizeOf } from '../data/dataset'
import { Batches } from './batches'
import { hashOf } from './hash'
import { Series } from './series'
import type { Setting } from './setting'
import { startModel } from './start'

export type Status = 'starting' | 'ready' | 'diverged' | 'failed'

export type Remote = WorkerModel<Ability, 'float32'>
export type Weights = Readonly<Record<string, { shape: readonly number[]; data: Float32Array }>>

export interface Checkpoint {
  readonly step: number
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly hash: string
  readonly loss: number
  readonly accuracy: number
}

/** The rate that the slider set, from this step on. */
export interface RateEvent {
  readonly step: number
  readonly rate: number
}

/** Where a run that was forked begins. */
export interface Origin {
  readonly checkpoint: Checkpoint
  readonly run: Run
}

/** Examples that accuracy is measured on while it trains; the rest is for who asks. */
const WATCHED = 500
/** Steps that are on their way to the worker at a time: it never waits for the page. */
const AHEAD = 2
/** Of networks whose steps take no time, so that there is something to watch. */
const MOST_PER_FRAME = 6
const MOST_CHECKPOINTS = 24

let count = 0

export class Run {
  readonly id = ++count
  readonly name: Signal<string>
  readonly status = signal<Status>('starting')
  /** Goes up whenever something can be drawn anew. */
  readonly version = signal(0)
  readonly message = signal('')
  step = 0
  rate: number
  readonly events: RateEvent[] = []
  trainLoss = new Series()
  testLoss = new Series()
  testAccuracy = new Series()
  checkpoints: Checkpoint[] = []
  /** Hashes of steps that it has been at before it went back, to be met again. */
  expected = new Map<number, string>()
  /** The last step whose bits were met again. */
  readonly met = signal<{ step: number; same: boolean; hash: string } | undefined>(undefined)
  model: Remote | undefined
  /** The setting from which its first weights come. */
  readonly base: Setting
  /** Whether that, and the changes of the rate, are all that made it. */
  readonly isWhole: boolean
  readonly promise: { step: number; hash: string } | undefined
  readonly batches: Batches
  /** Parameters before and after one step, where somebody wants to compare them. */
  weighed: { step: number; before: Weights; after: Weights } | undefined
  wantsWeighing = false

  #playing = false
  #isStill = true
  #loop: Promise<void> = Promise.resolve()
  #every = 20
  #closed = false
  #drawn = false
  #planned: RateEvent[]
  readonly #watched: { x: Float32Array; y: Uint8Array }
  readonly ready: Promise<void>

  constructor(
    name: string,
    readonly colour: number,
    readonly data: Dataset,
    readonly setting: Setting,
    readonly options: {
      threads: number | 'auto'
      origin?: Origin
      backend?: 'js'
      /** Changes of the rate that are to be made once more. */
      events?: readonly RateEvent[]
      /** The weights that must come out. */
      promise?: { step: number; hash: string }
      /** A file to go on from. */
      checkpoint?: Checkpoint
      /** False where the weights of that file came from elsewhere, so that no setting makes them. True unless given. */
      isWhole?: boolean
    },
  ) {
    const { origin, events = [], promise, isWhole = true } = options
    this.base = origin ? origin.run.base : setting
    this.isWhole = isWhole && (!origin || (origin.run.isWhole && isSame(setting, origin.run.setting)))
    this.#planned = [...events]
    this.promise = promise
    if (promise) this.expected.set(promise.step, promise.hash)
    this.name = signal(name)
    this.rate = setting.optimizer.learningRate
    this.batches = new Batches(data, setting)
    const some = first(data.test, WATCHED, sizeOf(data.input))
    this.#watched = { x: this.batches.scaled(some.x), y: some.y }
    this.ready = this.#start().catch((error: unknown) => this.#fail(error))
  }

  get epoch(): number {
    return Math.floor(this.step / this.batches.perEpoch)
  }

  get playing(): boolean {
    return this.#playing
  }

  /** Whether no step is on its way, so that it is where it says. */
  get isStill(): boolean {
    return this.#isStill
  }

  async #start(): Promise<void> {
    const { options } = this
    await this.batches.load()
    const { setting, data } = this
    const model = await startModel(setting, { ...options, input: data.input, watched: this.#watched })
    if (this.#closed) return model.close()
    this.model = model
    if (options.origin) await this.#begin(options.origin)
    else if (options.checkpoint) await this.#bring(options.checkpoint)
    else await this.#measure()
    this.status.value = 'ready'
    this.draw()
  }

  /** Takes over what a checkpoint of another run has, as far as it fits. */
  async #begin({ checkpoint, run }: Origin): Promise<void> {
    const { bytes, step } = checkpoint
    const keepsRate = this.setting.optimizer.learningRate === run.setting.optimizer.learningRate
    try {
      await this.model!.restore(bytes)
      if (keepsRate) {
        this.events.push(...run.events.filter((one) => one.step <= step))
        this.rate = this.events.at(-1)?.rate ?? this.rate
      } else {
        this.events.push(...run.events.filter((one) => one.step < step), { step, rate: this.rate })
        this.model!.learningRate = this.rate
      }
    } catch {
      // Another optimizer or another network: the weights alone, and if not even these fit, the caller is told.
      await this.model!.load(bytes)
    }
    this.step = step
    for (const name of ['trainLoss', 'testLoss', 'testAccuracy'] as const) {
      this[name] = run[name].copy()
      this[name].cut(step)
    }
    this.checkpoints = run.checkpoints.filter((one) => one.step < step)
    await this.#keep(checkpoint.loss, checkpoint.accuracy)
  }

  /** Goes on from a file: of a checkpoint with all that training remembers, of a model file with its weights. */
  async #bring({ bytes, step }: Checkpoint): Promise<void> {
    await this.model!.restore(bytes).catch(() => this.model!.load(bytes))
    this.step = step
    this.events.push(...this.#planned.filter((one) => one.step < step))
    this.#planned = []
    this.rate = this.events.at(-1)?.rate ?? this.rate
    await this.#measure()
  }

  // ---- playing ----

  play(): void {
    if (this.#playing || this.#closed || this.status.value === 'failed' || this.status.value === 'diverged') return
    this.#playing = true
    this.#loop = this.#loop.then(() => this.#run(Infinity))
  }

  async pause(): Promise<void> {
    this.#playing = false
    await this.#loop
    this.draw()
  }

  /** Takes so many steps, then stops. */
  async take(steps: number): Promise<void> {
    await this.pause()
    this.#playing = true
    this.#loop = this.#loop.then(() => this.#run(steps))
    await this.#loop
    this.draw()
  }

  async #run(steps: number): Promise<void> {
    this.#isStill = false
    await this.ready
    const flying: Promise<unknown>[] = []
    const last = this.step + steps
    let inFrame = 0
    try {
      while (this.#playing && this.step < last && !this.#closed && this.status.value === 'ready') {
        const step = this.step++
        while (this.#planned.length && this.#planned[0].step <= step) this.#setRate(this.#planned.shift()!.rate, step)
        const posted = this.#post(step)
        // What fails is said by the first; the others are let go with it.
        for (const one of posted) one.catch(() => {})
        flying.push(...posted)
        while (flying.length >= AHEAD) await flying.shift()
        if (++inFrame >= MOST_PER_FRAME) {
          await nextFrame()
          inFrame = 0
        }
      }
      await Promise.all(flying)
    } catch (error) {
      this.#fail(error)
    }
    this.#playing = false
    this.#isStill = true
    this.draw()
  }

  /** Everything that a step asks of the worker, in the order in which it is done there. */
  #post(step: number): Promise<unknown>[] {
    const model = this.model!
    const { x, y } = this.batches.at(step)
    const before = this.wantsWeighing ? (model.parameters as Promise<Weights>) : undefined
    const done = model.trainStep(x, y).then((loss) => this.#record(step, loss))
    const all: Promise<unknown>[] = [done]
    if (before) {
      this.wantsWeighing = false
      const after = model.parameters as Promise<Weights>
      all.push(Promise.all([before, after]).then(([b, a]) => (this.weighed = { step, before: b, after: a })))
    }
    const now = step + 1
    if (now % this.#every === 0 || (now < this.#every && [5, 10].includes(now)) || this.expected.has(now)) {
      all.push(this.#measure())
    }
    return all
  }

  #record(step: number, loss: number): void {
    // For who measures how soon it learns.
    if (step === 0) performance.mark('first step')
    if (!Number.isFinite(loss)) {
      if (this.status.value === 'diverged') return
      this.status.value = 'diverged'
      this.step = step
      this.message.value =
        `Step ${step + 1} gave a loss of ${loss}, so it was not taken. The rate is too high, or a number has grown ` +
        'beyond all bounds. Go back on the time line, or reset, and try a lower rate.'
    } else this.trainLoss.add(step + 1, loss)
    this.draw()
  }

  // ---- measuring ----

  /** Loss and accuracy on pictures that it never trains on, and a checkpoint. */
  async #measure(): Promise<void> {
    const step = this.step
    const evaluating = this.model!.evaluate(this.#watched)
    const keeping = this.#take(step)
    const { loss, accuracy } = await evaluating
    this.testLoss.add(step, loss)
    this.testAccuracy.add(step, accuracy)
    await keeping(loss, accuracy)
    this.draw()
  }

  /** Asks for a checkpoint of this very step, to be put down once it has been measured. */
  #take(step: number): (loss: number, accuracy: number) => Promise<void> {
    const parts = Promise.all([this.model!.checkpoint(), this.model!.parameters as Promise<Weights>])
    parts.catch(() => {})
    return async (loss, accuracy) => {
      const [bytes, parameters] = await parts
      const hash = hashOf(parameters)
      const expected = this.expected.get(step)
      if (expected !== undefined) {
        this.met.value = { step, same: expected === hash, hash }
        this.expected.delete(step)
      }
      if (this.checkpoints.some((one) => one.step === step)) return
      this.checkpoints.push({ step, bytes, hash, loss, accuracy })
      if (this.checkpoints.length <= MOST_CHECKPOINTS) return
      this.#every *= 2
      this.checkpoints = this.checkpoints.filter((one) => one.step % this.#every === 0)
    }
  }

  async #keep(loss: number, accuracy: number): Promise<void> {
    await this.#take(this.step)(loss, accuracy)
  }

  /** The name of the weights as they are. */
  async hash(): Promise<string> {
    return hashOf((await this.model!.parameters) as Weights)
  }

  // ---- changing ----

  setRate(rate: number): void {
    this.#planned = []
    this.expected.clear()
    this.#setRate(rate, this.step)
  }

  #setRate(rate: number, step: number): void {
    this.rate = rate
    if (this.events.at(-1)?.step === step) this.events.pop()
    this.events.push({ step, rate })
    if (this.model) this.model.learningRate = rate
    this.draw()
  }

  /** Goes back to a checkpoint, as if nothing had come after it. */
  async goTo(checkpoint: Checkpoint): Promise<void> {
    await this.pause()
    await this.model!.restore(checkpoint.bytes)
    this.step = checkpoint.step
    for (const one of this.checkpoints) if (one.step > this.step) this.expected.set(one.step, one.hash)
    this.checkpoints = this.checkpoints.filter((one) => one.step <= this.step)
    const kept = this.events.filter((one) => one.step < this.step)
    if (kept.length < this.events.length) this.expected.clear()
    this.events.splice(0, Infinity, ...kept)
    this.rate = kept.at(-1)?.rate ?? this.setting.optimizer.learningRate
    for (const series of [this.trainLoss, this.testLoss, this.testAccuracy]) series.cut(this.step)
    this.status.value = 'ready'
    this.message.value = ''
    this.met.value = undefined
    this.draw()
  }

  close(): void {
    this.#closed = true
    this.#playing = false
    void this.model?.close()
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.status.value = 'failed'
    this.message.value = error instanceof Error ? error.message : String(error)
    this.draw()
  }

  /** Tells who draws, ten times a second at most. */
  draw(): void {
    if (this.#drawn) return
    this.#drawn = true
    setTimeout(() => {
      this.#drawn = false
      this.version.value++
    }, 100)
  }
}

/** Whether two settings differ in their rate alone, which can change at any step. */
function isSame(a: Setting, b: Setting): boolean {
  const plain = (one: Setting) => JSON.stringify({ ...one, optimizer: { ...one.optimizer, learningRate: 0 } })
  return plain(a) === plain(b) && a.schedule === 'constant'
}

/** A frame, or a while where none is drawn, as in a tab that nobody sees. */
export function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 100)
    requestAnimationFrame(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}
