// Pictures as the network will get them: moved, turned, with a hole.

import { useMemo } from 'preact/hooks'
import { augmentation } from '../model/augmentation'
import { Batches } from '../model/batches'
import { change } from '../model/draft'
import { LESSONS } from '../model/lessons'
import type { Setting } from '../model/setting'
import { current } from '../model/store'
import { Lesson } from './lesson'
import { Tiles } from './tiles'

const MOST = { move: 6, turn: 45, cutout: 14 }
const SHOWN = 12

export function Augmentation({ setting }: { setting: Setting }) {
  const { data } = current.value!
  const { augment } = setting
  const [channels, height, width] = data.input
  const key = JSON.stringify(augment)
  const shown = useMemo(() => {
    const own = { ...setting, batch: SHOWN }
    return new Batches(data, own, data.input.length === 3 ? augmentation(own) : undefined).raw(0)
  }, [key, data])
  return (
    <div class="wide">
      <h3>Augmentation</h3>
      <div class="choices">
        {(['move', 'turn', 'cutout'] as const).map((name) => (
          <div class="choice" key={name}>
            <label class="slider">
              <span>
                {LESSONS[name].title} <strong>{name === 'turn' ? `${augment[name]}°` : `${augment[name]} px`}</strong>
              </span>
              <input
                type="range"
                min={0}
                max={MOST[name]}
                step={1}
                value={augment[name]}
                onInput={(event) => change({ augment: { ...augment, [name]: Number(event.currentTarget.value) } })}
              />
            </label>
            <Lesson lesson={LESSONS[name]} />
          </div>
        ))}
      </div>
      {channels === 1 && (
        <Tiles
          data={shown.x}
          count={SHOWN}
          height={height}
          width={width}
          size={56}
          most={255}
          ink
          label={`${SHOWN} digits as the network gets them`}
        />
      )}
    </div>
  )
}
