// The time line of a run: back to any checkpoint, on from there the same way or another, and several runs side by side.

import { useState } from 'preact/hooks'
import { OPTIMIZER_KINDS } from '../model/lessons'
import type { Run } from '../model/run'
import type { LayerSpec, Setting } from '../model/setting'
import { MOST_RUNS, addRun, beginAll, current, runs, setPlaying } from '../model/store'
import { optimizerOf } from './change'
import { NumberField, Select } from './fields'
import { percent, short, whole } from './format'
import { Icon } from './icons'

export function Rewind() {
  const run = current.value!
  return (
    <div class="stack">
      <TimeLine key={run.id} run={run} />
      <Compare run={run} />
    </div>
  )
}

function TimeLine({ run }: { run: Run }) {
  const [place, setPlace] = useState<number | undefined>(undefined)
  const version = run.version.value
  const { checkpoints } = run
  const last = checkpoints.length - 1
  if (last < 0) return <p class="soft">There is no checkpoint yet.</p>
  const at = Math.min(place ?? last, last)
  const chosen = checkpoints[at]
  const met = run.met.value
  return (
    <section class="card" aria-label="Time line" data-version={version}>
      <h2>Time line</h2>
      <p class="soft">
        Every so often all that training changes is put aside. Go back to any of these moments: what comes then is, bit
        for bit, what came before, unless you change something.
      </p>
      <label class="slider timeline">
        <span>
          <span>
            Step <strong data-testid="place">{whole(chosen.step)}</strong>
          </span>
          <span>
            {percent(chosen.accuracy)} right, loss {short(chosen.loss)}, weights <code>{chosen.hash}</code>
          </span>
        </span>
        <Dots run={run} at={at} />
        <input
          type="range"
          min={0}
          max={Math.max(last, 1)}
          step={1}
          value={at}
          disabled={last < 1}
          aria-valuetext={`step ${chosen.step}`}
          onInput={(event) => {
            setPlaying(false)
            setPlace(Number(event.currentTarget.value))
          }}
        />
      </label>
      <div class="row">
        <button
          class="primary"
          onClick={() => {
            setPlaying(false)
            void run.goTo(chosen).then(() => setPlace(undefined))
          }}
        >
          <Icon name="reset" />
          Go back to it
        </button>
        <Fork run={run} at={at} onDone={() => setPlace(undefined)} />
      </div>
      <div role="status">
        {met && (
          <p class={met.same ? 'note good' : 'alert'} data-testid="met">
            {met.same
              ? `Step ${whole(met.step)} once more, and the same bits: ${met.hash}.`
              : `Step ${whole(met.step)} once more, but other bits: ${met.hash}.`}
          </p>
        )}
      </div>
    </section>
  )
}

/** Accuracy at each checkpoint. */
function Dots({ run, at }: { run: Run; at: number }) {
  const { checkpoints } = run
  const last = Math.max(checkpoints.length - 1, 1)
  return (
    <svg
      class={`dots series-${run.colour}`}
      viewBox="0 0 1000 90"
      preserveAspectRatio="none"
      aria-hidden="true"
      data-version={run.version.value}
    >
      {checkpoints.map(({ step, accuracy }, i) => {
        const height = 6 + 80 * accuracy
        const width = Math.min(18, 700 / last)
        return (
          <rect
            key={step}
            class={i === at ? 'at' : i > at ? 'after' : ''}
            x={8 + (i / last) * (984 - width)}
            width={width}
            y={90 - height}
            height={height}
            rx="3"
          />
        )
      })}
    </svg>
  )
}

function Fork({ run, at, onDone }: { run: Run; at: number; onDone(): void }) {
  const [open, setOpen] = useState(false)
  const [kind, setKind] = useState(run.setting.optimizer.kind)
  const [rate, setRate] = useState(run.rate)
  if (runs.value.length >= MOST_RUNS) return <span class="soft">{MOST_RUNS} runs are the most.</span>
  if (!open) {
    return (
      <button onClick={() => setOpen(true)}>
        <Icon name="fork" />
        Fork from it
      </button>
    )
  }
  const fork = () => {
    const checkpoint = run.checkpoints[at]
    const { setting } = run
    const isSame = kind === setting.optimizer.kind
    const optimizer = isSame ? { ...setting.optimizer, learningRate: rate } : optimizerOf(kind, rate)
    addRun({ ...setting, optimizer }, { checkpoint, run })
    setPlaying(true)
    setOpen(false)
    onDone()
  }
  return (
    <div class="fork row">
      <Select
        title="with"
        value={kind}
        options={Object.entries(OPTIMIZER_KINDS).map(([name, { title }]) => [name, title])}
        onChange={setKind}
      />
      <NumberField title="at a rate of" value={rate} onChange={setRate} />
      <button class="primary" disabled={!(rate >= 0)} onClick={fork}>
        <Icon name="fork" />
        Fork
      </button>
      <button class="quiet" onClick={() => setOpen(false)}>
        Cancel
      </button>
    </div>
  )
}

// ---- comparisons ----

type Named = readonly (readonly [name: string, setting: Setting])[]

const isNorm = ({ kind }: LayerSpec) => kind.endsWith('Norm')
const ACTIVATIONS = new Set(['relu', 'leakyRelu', 'elu', 'selu', 'gelu', 'silu', 'tanh', 'sigmoid'])

/** The same network with batch norm before each of its activations. */
function withNorm(layers: readonly LayerSpec[]): LayerSpec[] {
  return layers
    .filter((one) => !isNorm(one))
    .flatMap((one) => (ACTIVATIONS.has(one.kind) ? [{ kind: 'batchNorm', config: { momentum: 0.9 } }, one] : [one]))
}

const COMPARISONS: { title: string; text: string; runs(setting: Setting): Named }[] = [
  {
    title: 'Four optimizers',
    text: 'SGD, momentum, RMSProp and Adam, each at a rate that suits it.',
    runs: (setting) =>
      [
        ['SGD', 'sgd', 0.05],
        ['Momentum', 'momentum', 0.02],
        ['RMSProp', 'rmsprop', 0.001],
        ['Adam', 'adam', 0.002],
      ].map(([name, kind, rate]) => [String(name), { ...setting, optimizer: optimizerOf(String(kind), Number(rate)) }]),
  },
  {
    title: 'With and without batch norm',
    text: 'The same network, the same seed; one with batch norm before each nonlinearity.',
    runs: (setting) => [
      ['Without', { ...setting, layers: setting.layers.filter((one) => !isNorm(one)) }],
      ['Batch norm', { ...setting, layers: withNorm(setting.layers) }],
    ],
  },
  {
    title: 'Four initialisations',
    text: 'He, Xavier, far too small, and zeros, which never learns.',
    runs: (setting) =>
      ['he', 'xavier', 'normal 0.01', 'zeros'].map((init) => [
        init === 'normal 0.01' ? 'σ = 0.01' : init,
        { ...setting, init },
      ]),
  },
  {
    title: 'Three batch sizes',
    text: 'Steps of 8, 32 and 128 examples: noisy and quick, or smooth and dear.',
    runs: (setting) => [8, 32, 128].map((batch) => [`Batches of ${batch}`, { ...setting, batch }]),
  },
]

function Compare({ run }: { run: Run }) {
  return (
    <section class="card" aria-label="Compare">
      <h2>Side by side</h2>
      <p class="soft">
        Each begins anew, with the same seed and on the same axes. “Run it beside” in Change it adds your own.
      </p>
      <ul class="offers">
        {COMPARISONS.map(({ title, text, runs: make }) => (
          <li key={title}>
            <button onClick={() => void beginAll(make(run.setting))}>{title}</button>
            <span class="soft">{text}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
