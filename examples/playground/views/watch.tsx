// A picture on its way through the network, layer by layer, while the network learns.

import { look, picture } from '../model/look'
import { current } from '../model/store'
import { Bars } from './bars'
import { Flow } from './flow'
import { Pad } from './pad'

export function Watch() {
  const run = current.value!
  const seen = look.value?.run === run ? look.value : undefined
  return (
    <div class="watch">
      <div class="pair">
        <Pad run={run} />
        <section class="card" aria-label="What the network answers">
          <h2>It says</h2>
          <Bars classes={run.data.classes} shares={seen?.probabilities} right={picture.value?.label} />
        </section>
      </div>
      {seen ? <Flow look={seen} /> : <p class="soft">The network is being made …</p>}
    </div>
  )
}
