// Other data: points of the plane, a table, pictures of one's own.

import { useState } from 'preact/hooks'
import type { Dataset } from '../data/dataset'
import { LEAST, SIDE, addPictures, ownClasses, ownDataset, pixelsOf, problemOfOwn } from '../data/own'
import { POINT_SETS } from '../data/points'
import { columnsOf, tableOf } from '../data/table'
import { type LayerSpec, firstSetting, pointSetting } from '../model/setting'
import { addDataset, begin, current, tab } from '../model/store'
import { Camera } from './camera'
import { Select } from './fields'
import { FileButton } from './file-button'
import { Icon } from './icons'
import { Photo } from './photo'

async function go(setting = firstSetting()): Promise<void> {
  if (await begin(setting, true)) tab.value = 'watch'
}

export function Data() {
  const name = current.value!.data.name
  return (
    <div class="stack">
      <section class="card" aria-label="Data that are here">
        <h2>Data that are here</h2>
        <ul class="cases">
          <li>
            <button aria-pressed={name === 'mnist'} data-set="mnist" onClick={() => void go()}>
              <strong>Handwritten digits</strong>
              <span class="soft">4,096 to learn from, 1,024 to be tested on, of MNIST.</span>
            </button>
          </li>
          {POINT_SETS.map((one) => (
            <li key={one.name}>
              <button
                aria-pressed={name === one.name}
                data-set={one.name}
                onClick={() => void go(pointSetting(one.name, one.classes))}
              >
                <strong>{one.title}</strong>
                <span class="soft">{`Points of the plane in ${one.classes} classes: watch the border between them.`}</span>
              </button>
            </li>
          ))}
        </ul>
      </section>
      <OwnPictures />
      <Table />
    </div>
  )
}

// ---- pictures ----

const layer = (kind: string, config: Record<string, unknown> = {}): LayerSpec => ({ kind, config })

function pictureLayers(classes: number): LayerSpec[] {
  const block = (filters: number) => [
    layer('conv2d', { filters, kernel: 3, pad: 1 }),
    layer('batchNorm', { momentum: 0.9 }),
    layer('relu'),
    layer('maxPool2d', { kernel: 2 }),
  ]
  return [...block(16), ...block(32), ...block(32), layer('globalAvgPool2d'), layer('dense', { units: classes })]
}

function trainOwn(): void {
  const data = ownDataset()
  addDataset(data)
  void go({
    ...firstSetting(),
    data: data.name,
    layers: pictureLayers(data.classes.length),
    batch: Math.min(16, data.train.y.length),
    augment: { move: 3, turn: 10, cutout: 0 },
  })
}

function OwnPictures() {
  const classes = ownClasses.value
  const problem = problemOfOwn()
  const [trouble, setTrouble] = useState('')
  const [filming, setFilming] = useState<number | undefined>(undefined)
  const rename = (place: number, name: string) => {
    ownClasses.value = classes.with(place, { ...classes[place], name })
  }
  const open = async (place: number, files: readonly File[]) => {
    const bad: string[] = []
    const found: Uint8Array[] = []
    for (const file of files) {
      try {
        const image = await createImageBitmap(file)
        found.push(pixelsOf(image, image.width, image.height))
      } catch {
        bad.push(file.name)
      }
    }
    addPictures(place, found)
    setTrouble(bad.length ? `No pictures that this browser can read: ${bad.join(', ')}. Take PNG or JPEG.` : '')
  }
  return (
    <section class="card" aria-label="Your own pictures">
      <h2>Your own pictures</h2>
      <p class="soft">
        {`Two classes or more of ${LEAST} pictures or more each: your hand open and closed, two cups. They stay on this device.`}
      </p>
      <ul class="own">
        {classes.map(({ name, pictures }, place) => (
          <li key={place}>
            <div class="row">
              <input
                type="text"
                aria-label={`Name of class ${place + 1}`}
                value={name}
                onInput={(event) => rename(place, event.currentTarget.value)}
              />
              <FileButton
                accept="image/*"
                title={`Pictures of ${name} from files`}
                multiple
                onFiles={(files) => void open(place, files)}
              >
                <span class="hidden">{`Pictures of ${name} from files`}</span>
              </FileButton>
              <button
                aria-label={`Camera for ${name}`}
                aria-pressed={filming === place}
                onClick={() => setFilming(filming === place ? undefined : place)}
              >
                <Icon name="camera" />
              </button>
              <span class="soft">{`${pictures.length} pictures`}</span>
              {classes.length > 2 && (
                <button
                  class="quiet round"
                  aria-label={`Remove the class ${name}`}
                  onClick={() => (ownClasses.value = classes.toSpliced(place, 1))}
                >
                  <Icon name="clear" />
                </button>
              )}
            </div>
            {filming === place && (
              <Camera
                action="Take one"
                onTake={(source, width, height) => addPictures(place, [pixelsOf(source, width, height)])}
                onClose={() => setFilming(undefined)}
                onProblem={setTrouble}
              />
            )}
            <div class="thumbs">
              {pictures.slice(-24).map((raw, i) => (
                <Photo key={i} raw={raw} side={SIDE} label={`A picture of ${name}`} />
              ))}
            </div>
          </li>
        ))}
      </ul>
      {trouble && (
        <p class="note" role="alert">
          {trouble}
        </p>
      )}
      <div class="row">
        <button class="primary" disabled={problem !== ''} onClick={trainOwn}>
          Learn them
        </button>
        <button
          disabled={classes.length >= 6}
          onClick={() => (ownClasses.value = [...classes, { name: `Class ${classes.length + 1}`, pictures: [] }])}
        >
          <Icon name="plus" />
          Another class
        </button>
        <span class="soft">{problem}</span>
      </div>
    </section>
  )
}

// ---- tables ----

function Table() {
  const [file, setFile] = useState<{ name: string; text: string } | undefined>(undefined)
  const [label, setLabel] = useState('')
  const [problem, setProblem] = useState('')
  const columns = file ? columnsOf(file.text) : []
  const open = async (chosen: File) => {
    const text = await chosen.text()
    setFile({ name: chosen.name, text })
    setLabel(columnsOf(text).at(-1) ?? '')
    setProblem('')
  }
  const learn = () => {
    try {
      const data: Dataset = tableOf(file!.text, { title: file!.name, label })
      addDataset(data)
      const setting = pointSetting(data.name, data.classes.length)
      void go({ ...setting, batch: Math.min(setting.batch, data.train.y.length) })
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <section class="card" aria-label="A table">
      <h2>A table</h2>
      <p class="soft">
        A CSV file with a line of names, numbers in its columns, and one column with the class of each row.
      </p>
      <div class="row">
        <FileButton accept=".csv,text/csv" onFiles={([one]) => void open(one)}>
          {file ? file.name : 'A CSV file'}
        </FileButton>
        {file && (
          <>
            <Select
              title="The class is in"
              value={label}
              options={columns.map((one) => [one, one])}
              onChange={setLabel}
            />
            <button class="primary" onClick={learn}>
              Learn it
            </button>
          </>
        )}
      </div>
      {problem && (
        <p class="alert" role="alert">
          {problem}
        </p>
      )}
    </section>
  )
}
