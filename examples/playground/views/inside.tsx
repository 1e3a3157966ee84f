// One layer, as far in as there is something to see.

import { useEffect } from 'preact/hooks'
import { chosenLayer } from '../model/chosen'
import { current } from '../model/store'
import { type Study, keepStudying, study } from '../model/study'
import { titleOf } from './flow'
import { short, percent } from './format'
import { Bins } from './bins'
import { LayerWeights } from './layer-weights'
import { NormStatistics } from './norm-statistics'
import { Tiles, Strip } from './tiles'

export function Inside() {
  useEffect(keepStudying, [])
  const run = current.value!
  const found = study.value?.run === run ? study.value : undefined
  if (!found) return <p class="soft">Looking inside …</p>
  const paths = found.statistics.map(({ path }) => path)
  const path = paths.includes(chosenLayer.value) ? chosenLayer.value : paths[0]
  return (
    <div class="stack">
      <div class="chips" role="group" aria-label="Layers">
        {found.statistics
          .filter(({ kind }) => kind !== 'flatten')
          .map((one) => (
            <button key={one.path} aria-pressed={one.path === path} onClick={() => (chosenLayer.value = one.path)}>
              {titleOf(one.kind)}
              <Health dead={one.dead} saturated={one.saturated} />
            </button>
          ))}
      </div>
      <Layer found={found} path={path} />
    </div>
  )
}

/** A mark at layers of which a large part does not learn. */
function Health({ dead, saturated }: { dead?: number | undefined; saturated?: number | undefined }) {
  const share = dead ?? saturated ?? 0
  if (share < 0.4) return null
  return <span class="warn">{`${percent(share, 0)} ${dead === undefined ? 'saturated' : 'dead'}`}</span>
}

function Layer({ found, path }: { found: Study; path: string }) {
  const one = found.statistics.find((layer) => layer.path === path)!
  const { seen } = found
  const shape = one.shape
  const isMap = shape.length === 3
  return (
    <>
      <section class="card" aria-label="Numbers of this layer">
        <h2>{titleOf(one.kind)}</h2>
        <p class="soft">{ABOUT[one.kind] ?? ''}</p>
        <dl class="facts">
          <Fact name="Output" value={shape.join(' × ')} />
          <Fact name="Mean" value={short(one.activations.mean)} />
          <Fact name="Spread" value={short(one.activations.std)} />
          {one.dead !== undefined && <Fact name="Dead units" value={percent(one.dead, 0)} />}
          {one.saturated !== undefined && <Fact name="Saturated" value={percent(one.saturated, 0)} />}
        </dl>
        <div class="pair even">
          <Bins title="Activations of a batch" moments={one.activations} />
          {one.gradients && <Bins title="Gradients of the loss by them" moments={one.gradients} />}
        </div>
      </section>
      <LayerWeights found={found} path={path} />
      <NormStatistics found={found} path={path} />
      {seen?.path === path && (
        <section class="card" aria-label="What it makes of the picture">
          <h2>What it makes of your picture</h2>
          {isMap ? (
            <Tiles
              data={seen.activations.data}
              count={Math.min(shape[0], 64)}
              height={shape[1]}
              width={shape[2]}
              size={84}
              label={`${shape[0]} maps of activations`}
            />
          ) : (
            <Strip data={seen.activations.data} label={`${shape[0]} activations`} />
          )}
          {seen.gradients && (
            <>
              <h3>Gradient of the loss: where a larger value would make the loss larger (blue) or smaller (orange)</h3>
              {isMap ? (
                <Tiles
                  data={seen.gradients.data}
                  count={Math.min(shape[0], 64)}
                  height={shape[1]}
                  width={shape[2]}
                  size={84}
                  label="Their gradients"
                />
              ) : (
                <Strip data={seen.gradients.data} label="Their gradients" />
              )}
            </>
          )}
        </section>
      )}
    </>
  )
}

export function Fact({ name, value, warn = false }: { name: string; value: string; warn?: boolean }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class={warn ? 'warn' : ''}>{value}</dd>
    </div>
  )
}

const ABOUT: Record<string, string> = {
  conv2d: 'Slides each filter over the picture: a map is high where the picture looks like the filter.',
  relu: 'Keeps what is above zero. A unit that is zero for every example is dead: no gradient reaches it.',
  maxPool2d: 'Takes the largest of each small square: half the size, and small shifts no longer matter.',
  avgPool2d: 'Takes the mean of each small square: half the size.',
  dense: 'Each output is a weighted sum of all inputs.',
  batchNorm: 'Brings each channel to mean 0 and spread 1 over the batch, then scales and shifts it.',
  'batchNorm + relu': 'Batch norm, and what is above zero of it, in one go.',
  dropout: 'Switches units off at random while it trains, so that none relies on another.',
  tanh: 'Squeezes every number into −1 … 1; where it is flat, it is saturated and hardly any gradient passes.',
  sigmoid: 'Squeezes every number into 0 … 1; where it is flat, it is saturated and hardly any gradient passes.',
  softmax: 'Makes probabilities of scores.',
}
