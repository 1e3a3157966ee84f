// Six trainings that go wrong. What is wrong is not said: babysit is asked, and the curves are there.

import { computed, effect, signal } from '@preact/signals'
import { first, sizeOf } from '../data/dataset'
import { forgetChanges } from './draft'
import type { Run } from './run'
import { type LayerSpec, type Setting, firstSetting } from './setting'
import { begin, current, setPlaying } from './store'

export interface Repair {
  readonly id: string
  readonly title: string
  /** What can be seen. */
  readonly symptom: string
  readonly setting: Setting
  /** Whether the cause is gone, beside right answers. */
  isMended(run: Run): boolean
  /** What it was, for afterwards. */
  readonly moral: string
}

/** Right answers that show that it learns. */
export const GOAL = 0.85

const layer = (kind: string, config: Record<string, unknown> = {}): LayerSpec => ({ kind, config })

function make(part: Partial<Setting>, ...hidden: LayerSpec[]): Setting {
  return { ...firstSetting(), layers: [layer('flatten'), ...hidden, layer('dense', { units: 10 })], ...part }
}

const hidden = () => layer('dense', { units: 64 })

export const REPAIRS: readonly Repair[] = [
  {
    id: 'high',
    title: 'It jumps about',
    symptom: 'The loss falls, rises, falls, and never settles.',
    setting: make(
      { optimizer: { kind: 'adam', learningRate: 0.3 } },
      hidden(),
      layer('leakyRelu', { alpha: 0.01 }),
      hidden(),
      layer('leakyRelu', { alpha: 0.01 }),
    ),
    isMended: ({ rate }) => rate < 0.1,
    moral: 'The learning rate was too high: each step jumped over the valley that it aimed at.',
  },
  {
    id: 'low',
    title: 'It stands still',
    symptom: 'The loss has been 2.30 from the first step on. It does fall: in the fifth digit.',
    setting: make({ optimizer: { kind: 'sgd', learningRate: 0.00001 } }, hidden(), layer('relu')),
    isMended: () => true,
    moral: 'The learning rate was too low. An update should be about a thousandth of the weights.',
  },
  {
    id: 'zeros',
    title: 'All are alike',
    symptom: 'It trains at a sensible rate, and learns nothing but which digit is frequent. Look inside its filters.',
    setting: make(
      { init: 'zeros', optimizer: { kind: 'momentum', learningRate: 0.02, options: { rho: 0.9 } } },
      hidden(),
      layer('relu'),
    ),
    isMended: ({ setting }) => setting.init !== 'zeros',
    moral: 'All weights began at zero, so all units computed the same and learnt the same: nothing.',
  },
  {
    id: 'dead',
    title: 'Nobody answers',
    symptom: 'A few wild steps, and then nothing moves any more. Look inside: what do the ReLUs give?',
    setting: make({ optimizer: { kind: 'adam', learningRate: 0.3 } }, hidden(), layer('relu'), hidden(), layer('relu')),
    isMended: () => true,
    moral: 'The first steps were so large that every ReLU ended below zero for every digit: dead, without a gradient.',
  },
  {
    id: 'inputs',
    title: 'It shouts',
    symptom: 'It learns something, and then gets no further. Look inside: what are the activations like?',
    setting: make(
      { scale: 'raw', optimizer: { kind: 'momentum', learningRate: 0.01, options: { rho: 0.9 } } },
      hidden(),
      layer('tanh'),
    ),
    isMended: ({ setting: { scale, layers } }) => scale !== 'raw' || layers[1]?.kind.endsWith('Norm') === true,
    moral: 'The inputs were bytes, 0 … 255: the first layer saturated at once. They should be about 1.',
  },
  {
    id: 'softmax',
    title: 'It whispers',
    symptom: 'The loss hardly falls, though the rate is fine and the digits are scaled.',
    setting: make(
      { optimizer: { kind: 'momentum', learningRate: 0.02, options: { rho: 0.9 } } },
      hidden(),
      layer('softmax'),
    ),
    isMended: ({ setting }) => setting.layers.every(({ kind }) => kind !== 'softmax'),
    moral: 'A softmax too many: between layers it makes all values tiny. Softmax belongs to the loss alone.',
  },
]

export const repairing = signal<Repair | undefined>(undefined)
export const solved = signal<readonly string[]>(readSolved())
/** Babysit's sentences of what to look at; undefined until it was asked. */
export const hints = signal<readonly string[] | 'asking' | undefined>(undefined)

/** Whether the one that is open has been mended. */
export const isSolved = computed(() => repairing.value !== undefined && solved.value.includes(repairing.value.id))

export async function open(repair: Repair): Promise<void> {
  repairing.value = undefined
  hints.value = undefined
  forgetChanges()
  await begin(structuredClone(repair.setting), true)
  solved.value = solved.value.filter((id) => id !== repair.id)
  repairing.value = repair
}

export async function leave(): Promise<void> {
  repairing.value = undefined
  await begin(firstSetting(), true)
}

/** Has the library look for mistakes in the model as it is. */
export async function ask(): Promise<void> {
  const run = current.value
  if (!run?.model) return
  hints.value = 'asking'
  setPlaying(false)
  await run.pause()
  try {
    let found = await look(run)
    const [begin] = run.checkpoints
    if (!found.length && begin) {
      // Where it is now may be as good as anywhere else: then how it came there is to be seen at the beginning.
      const now = await run.model.checkpoint()
      await run.model.restore(begin.bytes)
      found = await look(run)
      await run.model.restore(now)
    }
    hints.value = found
  } catch (error) {
    hints.value = [error instanceof Error ? error.message : String(error)]
  }
}

/** What babysit would have a person look at. */
async function look(run: Run): Promise<string[]> {
  const some = first(run.data.train, 512, sizeOf(run.data.input))
  const { checks } = await run.model!.babysit({ x: run.batches.scaled(some.x), y: some.y }, { steps: 40 })
  const found = checks.filter(({ ok, name }) => !ok && name !== 'overfit')
  return found.map(({ text }) => text.charAt(0).toUpperCase() + text.slice(1))
}

effect(() => {
  const repair = repairing.value
  const run = current.value
  if (!repair || !run || run.version.value === 0) return
  const accuracy = run.testAccuracy.last ?? 0
  if (accuracy < GOAL || !repair.isMended(run) || solved.peek().includes(repair.id)) return
  solved.value = [...solved.peek(), repair.id]
  keepSolved(solved.value)
})

const KEY = 'v128.playground.solved'

function readSolved(): string[] {
  try {
    const found: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(found) ? found.filter((one) => typeof one === 'string') : []
  } catch {
    // No storage: it is kept until the page is closed.
    return []
  }
}

function keepSolved(ids: readonly string[]): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(ids))
  } catch {
    // As above.
  }
}
