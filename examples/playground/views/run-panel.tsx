// What runs: to stop it and to go on, how far it is, how well it does, and its curves.

import type { Run } from '../model/run'
import { current, playing, removeRun, reset, runs, setPlaying, take } from '../model/store'
import { EmptyCharts } from './chart-frame'
import { percent, short, whole } from './format'
import { Icon } from './icons'
import { lazy } from './lazy'
import { RateSlider } from './rate-slider'

/** Loaded when there is a curve, so that it learns before. */
const Charts = lazy(
  () => import('./chart'),
  ({ Charts }) => Charts,
  EmptyCharts,
)
/** Whether there was one. */
let hasLearnt = false

export function RunPanel() {
  const run = current.value
  if (!run) return <aside class="run" aria-label="Training" />
  const version = runs.value.map((one) => one.version.value).join()
  hasLearnt ||= run.trainLoss.last !== undefined
  return (
    <aside class="run" aria-label="Training" data-version={version}>
      <Controls run={run} />
      <Numbers run={run} />
      <RunMessage run={run} />
      <RateSlider run={run} />
      {hasLearnt ? <Charts run={run} /> : <EmptyCharts />}
      <p class="key soft">
        <svg viewBox="0 0 22 6" aria-hidden="true">
          <path d="M0 3h22" />
        </svg>
        unseen examples
        <svg viewBox="0 0 22 6" class="faint" aria-hidden="true">
          <path d="M0 3h22" />
        </svg>
        training
      </p>
      {runs.value.length > 1 && <Legend />}
    </aside>
  )
}

function Controls({ run }: { run: Run }) {
  const plays = playing.value
  const isOver = run.status.value === 'diverged' || run.status.value === 'failed'
  return (
    <div class="controls" role="group" aria-label="Training">
      <button class="primary" onClick={() => setPlaying(!plays)} disabled={isOver && !plays}>
        <Icon name={plays ? 'pause' : 'play'} />
        {plays ? 'Pause' : 'Train'}
      </button>
      <button onClick={() => void take(() => 1)} disabled={isOver} aria-label="One step" title="One step: one batch">
        <Icon name="step" />
        <span>Step</span>
      </button>
      <button
        onClick={() => void take(({ step, batches }) => batches.perEpoch - (step % batches.perEpoch))}
        disabled={isOver}
        aria-label="To the end of the epoch"
        title="To the end of the epoch: all examples once"
      >
        <Icon name="epoch" />
        <span>Epoch</span>
      </button>
      <button onClick={() => void reset()} aria-label="Reset: begin again with the first weights" title="Begin again">
        <Icon name="reset" />
        <span>Reset</span>
      </button>
    </div>
  )
}

function Numbers({ run }: { run: Run }) {
  const { step, epoch, batches } = run
  return (
    <dl class="numbers" data-still={run.isStill} data-version={run.version.value}>
      <div class="large">
        <dt>Right, unseen</dt>
        <dd data-testid="accuracy">{percent(run.testAccuracy.last)}</dd>
      </div>
      <div>
        <dt>Loss</dt>
        <dd>{short(run.testLoss.last)}</dd>
      </div>
      <div>
        <dt>Step</dt>
        <dd data-testid="step">{whole(step)}</dd>
      </div>
      <div>
        <dt>Epoch</dt>
        <dd>{`${epoch} + ${percent((step % batches.perEpoch) / batches.perEpoch, 0)}`}</dd>
      </div>
    </dl>
  )
}

function RunMessage({ run }: { run: Run }) {
  const slow = run.model?.backend === 'js'
  return (
    <>
      <div role="status" data-version={run.version.value}>
        {run.message.value && <p class="alert">{run.message.value}</p>}
        <Promised run={run} />
        {slow && (
          <p class="note">
            This browser runs no WebAssembly here, so the same sums are done in JavaScript: slower, and to the same
            bits.
          </p>
        )}
      </div>
    </>
  )
}

/** What a link promised, and whether it came true. */
function Promised({ run }: { run: Run }) {
  const { promise } = run
  const met = run.met.value
  if (!promise) return null
  if (met?.step !== promise.step) {
    return (
      <p class="note" data-version={run.version.value}>
        The link says: after {whole(promise.step)} steps the weights are <code>{promise.hash}</code>.
      </p>
    )
  }
  return (
    <p class={met.same ? 'note good kept' : 'alert'} data-testid="kept">
      {met.same && <Icon name="check" />}
      <span>
        {met.same
          ? `After ${whole(met.step)} steps the same weights as in the link: `
          : `After ${whole(met.step)} steps other weights than in the link: `}
        <code>{met.hash}</code>
      </span>
    </p>
  )
}

function Legend() {
  return (
    <ul class="legend" aria-label="Runs">
      {runs.value.map((run) => (
        <li key={run.id} class={`series-${run.colour}`} data-version={run.version.value}>
          <button class="pick" aria-pressed={run === current.value} onClick={() => (current.value = run)}>
            <span class="dot" />
            <strong>{run.name.value}</strong>
            <span>{percent(run.testAccuracy.last)}</span>
          </button>
          <button class="quiet round" aria-label={`Remove ${run.name.value}`} onClick={() => removeRun(run)}>
            <Icon name="clear" />
          </button>
        </li>
      ))}
    </ul>
  )
}
