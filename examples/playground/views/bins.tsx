// How often values of which size occur.

import type { Moments } from '../model/study'
import { short } from './format'

const [WIDTH, HEIGHT] = [320, 70]

export function Bins({ title, moments }: { title: string; moments: Moments }) {
  const { mean, std, histogram } = moments
  if (!histogram) return null
  const { low, high, counts } = histogram
  const most = Math.max(...counts, 1)
  const bar = WIDTH / counts.length
  const zero = (0 - low) / (high - low || 1)
  return (
    <figure class="bins">
      <figcaption class="soft">{title}</figcaption>
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}: mean ${short(mean)}, standard deviation ${short(std)}`}
      >
        {counts.map((count, i) => {
          // A root, so that the rare ones are seen beside all the zeros.
          const height = HEIGHT * Math.sqrt(count / most)
          const isBelow = (i + 0.5) / counts.length < zero
          return (
            <rect
              key={i}
              class={isBelow ? 'below' : 'above'}
              x={i * bar + 0.5}
              width={Math.max(bar - 1, 0.5)}
              y={HEIGHT - height}
              height={height}
            />
          )
        })}
      </svg>
      <p class="ends soft">
        <span>{short(low)}</span>
        <span>{short(high)}</span>
      </p>
    </figure>
  )
}
