// The learning rate, from the next step on.

import type { Run } from '../model/run'
import { short } from './format'

const [LOW, HIGH] = [-5, 1]

export function RateSlider({ run }: { run: Run }) {
  const { rate } = run
  return (
    <label class="slider" data-version={run.version.value}>
      <span>
        Learning rate <strong>{short(rate)}</strong>
      </span>
      <input
        type="range"
        min={LOW}
        max={HIGH}
        step={0.05}
        value={Math.log10(Math.max(rate, 10 ** LOW))}
        aria-valuetext={short(rate)}
        onInput={(event) => run.setRate(Number((10 ** Number(event.currentTarget.value)).toPrecision(3)))}
      />
    </label>
  )
}
