// A row of a table: one of the examples.

import { picture, showExample } from '../model/look'
import type { Run } from '../model/run'
import { Icon } from './icons'
import { Strip } from './tiles'

export function RowPad({ run }: { run: Run }) {
  const shown = picture.value
  return (
    <section class="card" aria-label="The row">
      <h2>{`Row ${shown?.index ?? 0} of ${run.data.title}`}</h2>
      <p class="soft">Each column has mean 0 and spread 1.</p>
      {shown && <Strip data={shown.raw} label={`${shown.raw.length} columns of the row`} />}
      <div class="row">
        <button onClick={() => showExample(run, (shown?.index ?? -1) + 1)}>
          <Icon name="next" />
          Example
        </button>
      </div>
    </section>
  )
}
