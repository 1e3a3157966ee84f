// The weights of a layer, their gradient, and how far one update moves them.

import type { Study } from '../model/study'
import { Fact } from './inside'
import { percent, short, whole } from './format'
import { Tiles } from './tiles'

const MOST_TILES = 128

export function LayerWeights({ found, path }: { found: Study; path: string }) {
  const name = `${path}.weight`
  const weight = found.weights[name]
  if (!weight || weight.shape.length < 2) return null
  const gradient = found.gradients[name]
  const ratio = found.ratios[name]
  const picture = tilesOf(weight.shape, found)
  return (
    <section class="card" aria-label="Weights">
      <h2>{weight.shape.length === 4 ? 'Filters' : 'Weights'}</h2>
      <dl class="facts">
        <Fact name="Weights" value={whole(weight.data.length)} />
        <Fact name="Spread" value={short(spread(weight.data))} />
        <Fact name="Gradient, spread" value={short(spread(gradient.data))} />
        <Fact
          name="One update / weights"
          value={ratio === undefined ? 'train a step' : short(ratio)}
          warn={ratio > 0.03 || ratio < 1e-5}
        />
      </dl>
      {ratio !== undefined && <Ratio value={ratio} />}
      {picture && (
        <div class="pair even">
          <figure>
            <figcaption class="soft">{picture.title}</figcaption>
            <Tiles {...picture} data={weight.data} label={`Weights: ${picture.title}`} />
          </figure>
          <figure>
            <figcaption class="soft">Their gradient on the next batch</figcaption>
            <Tiles {...picture} data={gradient.data} label="Gradients of the weights" />
          </figure>
        </div>
      )}
    </section>
  )
}

/** On a scale of powers of ten, about a thousandth being healthy. */
function Ratio({ value }: { value: number }) {
  const at = Math.min(1, Math.max(0, (Math.log10(Math.max(value, 1e-9)) + 6) / 6))
  const text =
    value > 0.03
      ? 'It changes wildly: a lower rate?'
      : value < 1e-5
        ? 'It hardly moves.'
        : 'Healthy: about a thousandth.'
  return (
    <div class="ratio">
      <svg viewBox="0 0 600 24" preserveAspectRatio="none" aria-hidden="true">
        <rect class="track" x="0" y="10" width="600" height="4" rx="2" />
        <rect class="fine" x="200" y="10" width="200" height="4" />
        <rect class="mark" x={at * 596} y="4" width="4" height="16" rx="2" />
      </svg>
      <p class="ends soft">
        <span>a millionth</span>
        <span>{text}</span>
        <span>{percent(1, 0)}</span>
      </p>
    </div>
  )
}

function spread(data: Float32Array): number {
  let [sum, squares] = [0, 0]
  for (const v of data) {
    sum += v
    squares += v * v
  }
  const mean = sum / data.length
  return Math.sqrt(Math.max(0, squares / data.length - mean * mean))
}

/** How weights are drawn: each filter for each channel; of a dense layer, what each unit wants to see. */
function tilesOf(shape: readonly number[], { run }: Study) {
  if (shape.length === 4) {
    const [filters, channels, height, width] = shape
    const count = Math.min(filters * channels, MOST_TILES)
    const title = channels === 1 ? 'Each filter' : `Each filter for each of its ${channels} channels`
    return { count, height, width, size: channels === 1 ? 56 : 28, title }
  }
  const [units, inputs] = shape
  const { input } = run.data
  if (input.length === 3 && inputs === input[1] * input[2]) {
    const count = Math.min(units, 64)
    return { count, height: input[1], width: input[2], size: 56, title: 'What each unit wants to see' }
  }
  return { count: 1, height: units, width: inputs, size: 320, title: 'A row for each unit, a column for each input' }
}
