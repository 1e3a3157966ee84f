// Every layer with what it makes of the picture; the filters of a convolution above their maps.

import type { Look, SeenLayer } from '../model/look'
import { picture } from '../model/look'
import { tab } from '../model/store'
import { chosenLayer } from '../model/chosen'
import { whole } from './format'
import { Strip, Tiles } from './tiles'

/** Of many maps the first are shown. */
const MOST = 16
const TITLES: Record<string, string> = {
  conv2d: 'Convolution',
  dense: 'Dense',
  relu: 'ReLU',
  maxPool2d: 'Max pool',
  avgPool2d: 'Average pool',
  flatten: 'Flatten',
  batchNorm: 'Batch norm',
  'batchNorm + relu': 'Batch norm + ReLU',
  dropout: 'Dropout',
  softmax: 'Softmax',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
}

export const titleOf = (kind: string) => TITLES[kind] ?? kind

export function Flow({ look }: { look: Look }) {
  const { input } = look.run.data
  return (
    <section class="card flow" aria-label="Layer by layer">
      <h2>Layer by layer</h2>
      <p class="legend-line soft">
        {(['below zero', 'zero', 'above'] as const).map((text) => (
          <span key={text}>
            <span class={`swatch ${text.split(' ')[0]}`} />
            {text}
          </span>
        ))}
      </p>
      <ol>
        {input.length === 3 && picture.value && (
          <li>
            <LayerName title="Picture" shape={input} />
            <Tiles
              data={picture.value.raw}
              count={input[0]}
              height={input[1]}
              width={input[2]}
              size={56}
              most={255}
              ink
              label="The picture as the network gets it"
            />
          </li>
        )}
        {look.layers
          .filter(({ kind }) => kind !== 'flatten')
          .map((layer) => (
            <Row key={layer.path} layer={layer} look={look} />
          ))}
      </ol>
    </section>
  )
}

function LayerName({ title, shape, path }: { title: string; shape: readonly number[]; path?: string }) {
  const size = shape.join(' × ')
  if (path === undefined) {
    return (
      <div class="name">
        <strong>{title}</strong>
        <span class="soft">{size}</span>
      </div>
    )
  }
  const open = () => {
    chosenLayer.value = path
    tab.value = 'inside'
  }
  return (
    <button class="name" onClick={open} title="Look inside this layer">
      <strong>{title}</strong>
      <span class="soft">{size}</span>
    </button>
  )
}

function Row({ layer, look }: { layer: SeenLayer; look: Look }) {
  const { path, kind, activations } = layer
  const shape = activations.shape.slice(1)
  const weight = look.weights[`${path}.weight`]
  const isFirst = weight?.shape.length === 4 && weight.shape[1] <= 3
  const more = shape[0] > MOST ? `, ${MOST} of ${whole(shape[0])} shown` : ''
  return (
    <li>
      <LayerName title={titleOf(kind)} shape={shape} path={path} />
      <div class="pictures">
        {isFirst && (
          <Tiles
            data={weight.data}
            count={Math.min(weight.shape[0], MOST)}
            height={weight.shape[2] * weight.shape[1]}
            width={weight.shape[3]}
            size={56}
            label={`${weight.shape[0]} filters of ${weight.shape[2]} by ${weight.shape[3]}`}
          />
        )}
        {shape.length === 3 ? (
          <Tiles
            data={activations.data}
            count={Math.min(shape[0], MOST)}
            height={shape[1]}
            width={shape[2]}
            size={sizeOf(shape[1])}
            label={`${titleOf(kind)}: ${shape[0]} maps of ${shape[1]} by ${shape[2]}${more}`}
          />
        ) : (
          <Strip data={activations.data} label={`${titleOf(kind)}: ${activations.data.length} values`} />
        )}
      </div>
    </li>
  )
}

const sizeOf = (side: number) => (side >= 20 ? 56 : side >= 10 ? 42 : 28)
