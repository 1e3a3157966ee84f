// The layers: each with its numbers, its place, and what comes out of it.

import { useState } from 'preact/hooks'
import { change, planned } from '../model/draft'
import { LAYER_KINDS } from '../model/lessons'
import { type LayerSpec, NETWORKS, type Setting, pointLayers } from '../model/setting'
import { current } from '../model/store'
import { Select, NumberField } from './fields'
import { Icon } from './icons'
import { Lesson } from './lesson'

export function NetworkEditor({ setting }: { setting: Setting }) {
  const [kind, setKind] = useState('conv2d')
  const { layers } = setting
  const run = current.value!
  const isImage = run.data.input.length === 3
  const shapes = new Map(planned.value?.description?.layers.map(({ path, shape }) => [path, shape.join(' × ')]))
  const set = (next: LayerSpec[]) => change({ layers: next })
  const add = () => {
    const { fields } = LAYER_KINDS[kind]
    const config = Object.fromEntries(fields.map(({ name, first }) => [name, first]))
    // Before the last layer, which gives the scores.
    set(layers.toSpliced(Math.max(0, layers.length - 1), 0, { kind, config }))
  }
  return (
    <>
      {isImage && (
        <div class="row presets">
          {Object.entries(NETWORKS).map(([name, { title, layers: make }]) => (
            <button
              key={name}
              aria-pressed={JSON.stringify(make()) === JSON.stringify(layers)}
              onClick={() => set(withClasses(make(), run.data.classes.length))}
            >
              {title}
            </button>
          ))}
        </div>
      )}
      {!isImage && (
        <div class="row presets">
          {[8, 32, 64].map((units) => (
            <button key={units} onClick={() => set(pointLayers(run.data.classes.length, units))}>
              {`Two layers of ${units}`}
            </button>
          ))}
        </div>
      )}
      <ol class="layers">
        {layers.map((layer, i) => (
          <LayerEditor
            key={i}
            layer={layer}
            place={i}
            last={i === layers.length - 1}
            shape={shapes.get(String(i))}
            onChange={(next) => set(layers.with(i, next))}
            onMove={(by) => {
              const next = layers.toSpliced(i, 1)
              set(next.toSpliced(i + by, 0, layer))
            }}
            onRemove={() => set(layers.toSpliced(i, 1))}
          />
        ))}
      </ol>
      <div class="row">
        <Select
          title="Another layer"
          value={kind}
          options={Object.entries(LAYER_KINDS).map(([name, { title }]) => [name, title])}
          onChange={setKind}
        />
        <button onClick={add}>
          <Icon name="plus" />
          Add
        </button>
      </div>
      <Lesson lesson={LAYER_KINDS[kind]} />
    </>
  )
}

const withClasses = (layers: LayerSpec[], classes: number): LayerSpec[] =>
  layers.with(layers.length - 1, { ...layers.at(-1)!, config: { ...layers.at(-1)!.config, units: classes } })

interface LayerEditorProps {
  layer: LayerSpec
  place: number
  last: boolean
  shape: string | undefined
  onChange(layer: LayerSpec): void
  onMove(by: number): void
  onRemove(): void
}

function LayerEditor({ layer, place, last, shape, onChange, onMove, onRemove }: LayerEditorProps) {
  const { kind, config } = layer
  const { title, fields, ...lesson } = LAYER_KINDS[kind]
  const name = `layer ${place + 1}, ${title}`
  return (
    <li>
      <details>
        <summary title="What it does">{title}</summary>
        <Lesson lesson={{ title, ...lesson }} />
      </details>
      <div class="row fields">
        {fields.map((field) => (
          <NumberField
            key={field.name}
            small
            title={field.title}
            label={`${field.title} of ${name}`}
            value={Number(config[field.name] ?? field.first)}
            onChange={(value) => onChange({ kind, config: { ...config, [field.name]: value } })}
          />
        ))}
      </div>
      <span class="shape soft">{shape ?? ''}</span>
      <span class="moves">
        <button class="quiet round" disabled={place === 0} aria-label={`Move up ${name}`} onClick={() => onMove(-1)}>
          <Icon name="up" />
        </button>
        <button class="quiet round" disabled={last} aria-label={`Move down ${name}`} onClick={() => onMove(1)}>
          <Icon name="down" />
        </button>
        <button class="quiet round" aria-label={`Remove ${name}`} onClick={onRemove}>
          <Icon name="clear" />
        </button>
      </span>
    </li>
  )
}
