// Everything that can be chosen. What cannot be is said by the library, before anything is trained.

import type { ComponentChildren } from 'preact'
import { INITIALIZERS, SCHEDULES } from '../model/build'
import { change, draft, forgetChanges, isChanged, planned } from '../model/draft'
import { INIT_LESSONS, LESSONS, LOSS_LESSONS, OPTIMIZER_KINDS, SCHEDULE_LESSONS } from '../model/lessons'
import type { Setting } from '../model/setting'
import { MOST_RUNS, addRun, current, replace, runs, setPlaying } from '../model/store'
import { Augmentation } from './augmentation'
import { NumberField, Select } from './fields'
import { bytes, whole } from './format'
import { Icon } from './icons'
import { Lesson } from './lesson'
import { NetworkEditor } from './network-editor'

export function Change() {
  const setting = draft.value!
  const { optimizer } = setting
  const kind = OPTIMIZER_KINDS[optimizer.kind]
  return (
    <div class="stack">
      <Verdict setting={setting} />
      <section class="card">
        <h2>Network</h2>
        <NetworkEditor setting={setting} />
      </section>
      <Group title="How it learns" open>
        <Select
          title="Optimizer"
          value={optimizer.kind}
          options={Object.entries(OPTIMIZER_KINDS).map(([name, { title }]) => [name, title])}
          onChange={(name) => change({ optimizer: optimizerOf(name, optimizer.learningRate) })}
        >
          <Lesson lesson={kind} />
        </Select>
        <NumberField
          title="Learning rate"
          value={optimizer.learningRate}
          onChange={(learningRate) => change({ optimizer: { ...optimizer, learningRate } })}
        >
          <p class="lesson">How far a step goes. The slider to the left changes it while it trains.</p>
        </NumberField>
        {kind.fields.map(({ name, title, first }) => (
          <NumberField
            key={name}
            title={title}
            value={optimizer.options?.[name] ?? first}
            onChange={(value) =>
              change({ optimizer: { ...optimizer, options: { ...optimizer.options, [name]: value } } })
            }
          />
        ))}
        <Select
          title="Schedule of the rate"
          value={setting.schedule}
          options={Object.keys(SCHEDULES).map((name) => [name, name])}
          onChange={(schedule) => change({ schedule })}
        >
          <Lesson lesson={SCHEDULE_LESSONS[setting.schedule]} />
        </Select>
        <NumberField title="Batch" value={setting.batch} onChange={(batch) => change({ batch })}>
          <Lesson lesson={LESSONS.batch} />
        </NumberField>
        <Select
          title="Loss"
          value={setting.loss}
          options={Object.entries(LOSS_LESSONS).map(([name, { title }]) => [name, title])}
          onChange={(loss) => change({ loss: loss as Setting['loss'] })}
        >
          <Lesson lesson={LOSS_LESSONS[setting.loss]} />
        </Select>
      </Group>
      <Group title="Where it begins">
        <Select
          title="First weights"
          value={setting.init}
          options={['', ...Object.keys(INITIALIZERS)].map((name) => [name, INIT_LESSONS[name].title])}
          onChange={(init) => change({ init })}
        >
          <Lesson lesson={INIT_LESSONS[setting.init]} />
        </Select>
        <NumberField title="Seed" value={setting.seed} onChange={(seed) => change({ seed })}>
          <Lesson lesson={LESSONS.seed} />
        </NumberField>
        <Select
          title="Inputs"
          value={setting.scale}
          options={[
            ['unit', 'from 0 to 1'],
            ['standard', 'mean 0, spread 1'],
            ['raw', 'as they are'],
          ]}
          onChange={(scale) => change({ scale: scale as Setting['scale'] })}
        >
          <Lesson lesson={LESSONS.scale} />
        </Select>
      </Group>
      <Group title="Against overfitting">
        {(['l2', 'l1', 'clipNorm'] as const).map((name) => (
          <NumberField
            key={name}
            title={LESSONS[name].title}
            value={setting[name]}
            onChange={(value) => change({ [name]: value })}
          >
            <Lesson lesson={LESSONS[name]} />
          </NumberField>
        ))}
        {current.value!.data.input.length === 3 && <Augmentation setting={setting} />}
      </Group>
    </div>
  )
}

/** An optimizer with its own options as they are at first. */
export function optimizerOf(kind: string, learningRate: number): Setting['optimizer'] {
  const options = Object.fromEntries(OPTIMIZER_KINDS[kind].fields.map(({ name, first }) => [name, first]))
  return { kind, learningRate, ...(Object.keys(options).length && { options }) }
}

function Group({ title, open = false, children }: { title: string; open?: boolean; children: ComponentChildren }) {
  return (
    <details class="card group" open={open}>
      <summary>
        <h2>{title}</h2>
      </summary>
      <div class="choices">{children}</div>
    </details>
  )
}

/** What the library makes of it, and what can be done with it. */
function Verdict({ setting }: { setting: Setting }) {
  const found = planned.value
  const description = found?.description
  const problem = found?.problem
  const full = runs.value.length >= MOST_RUNS
  return (
    <section class="verdict card" aria-label="The changed network">
      <div role="status" aria-live="polite">
        {problem && (
          <p class="alert" data-testid="problem">
            {problem}
          </p>
        )}
        {description && (
          <p>
            <strong>{whole(description.parameters)}</strong> weights, <strong>{whole(description.flops)}</strong>{' '}
            operations for an answer, <strong>{bytes(description.memory.total)}</strong> of memory to train.
          </p>
        )}
      </div>
      <div class="row">
        <button
          class="primary"
          disabled={problem !== undefined || !isChanged.value}
          onClick={() => {
            const next = setting
            void replace(next).then(() => {
              forgetChanges()
              setPlaying(true)
            })
          }}
        >
          Begin again with it
        </button>
        <button
          disabled={problem !== undefined || !isChanged.value || full}
          title={full ? `There are ${MOST_RUNS} runs already` : 'Both on the same axes, from the same seed'}
          onClick={() => {
            addRun(setting)
            forgetChanges()
          }}
        >
          <Icon name="plus" />
          Run it beside
        </button>
        {isChanged.value && (
          <button class="quiet" onClick={forgetChanges}>
            Undo
          </button>
        )}
        {!isChanged.value && <span class="soft">Nothing is changed yet.</span>}
      </div>
    </section>
  )
}
