// What batch norm keeps of each channel, and what it has learnt.

import type { Study } from '../model/study'
import { short } from './format'
import { Strip } from './tiles'

export function NormStatistics({ found, path }: { found: Study; path: string }) {
  const mean = found.buffers[`${path}.running_mean`]
  if (!mean) return null
  const rows: [string, Float32Array | undefined][] = [
    ['Running mean', mean.data],
    ['Running variance', found.buffers[`${path}.running_var`]?.data],
    ['Scale γ', found.weights[`${path}.weight`]?.data],
    ['Shift β', found.weights[`${path}.bias`]?.data],
  ]
  return (
    <section class="card" aria-label="Statistics of batch norm">
      <h2>A number for each channel</h2>
      <div class="strips">
        {rows.map(([name, data]) =>
          data ? (
            <div key={name}>
              <span>{name}</span>
              <Strip data={data} label={`${name}: ${Array.from(data, short).join(', ')}`} />
              <span class="soft">{`${short(Math.min(...data))} … ${short(Math.max(...data))}`}</span>
            </div>
          ) : null,
        )}
      </div>
    </section>
  )
}
