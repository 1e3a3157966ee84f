// A picture on its way through the network, layer by layer, while the network learns.

import { look, picture } from '../model/look'
import { isPlane } from '../data/dataset'
import type { Run } from '../model/run'
import { current } from '../model/store'
import { Bars } from './bars'
import { Flow } from './flow'
import { lazy } from './lazy'
import { Pad } from './pad'

type InputView = (props: { run: Run }) => preact.JSX.Element
const PhotoPad = lazy(
  () => import('./photo'),
  ({ PhotoPad }): InputView => PhotoPad,
)
const PlaneView = lazy(
  () => import('./plane'),
  ({ PlaneView }): InputView => PlaneView,
)
const RowPad = lazy(
  () => import('./row-pad'),
  ({ RowPad }): InputView => RowPad,
)

export function Watch() {
  const run = current.value!
  const seen = look.value?.run === run ? look.value : undefined
  return (
    <div class="watch">
      <div class={isPlane(run.data) ? 'pair wide-first' : 'pair'}>
        <Input run={run} />
        <section class="card" aria-label="What the network answers">
          <h2>It says</h2>
          <Bars classes={run.data.classes} shares={seen?.probabilities} right={picture.value?.label} />
        </section>
      </div>
      {seen ? <Flow look={seen} /> : <p class="soft">The network is being made …</p>}
    </div>
  )
}

/** What goes in, by the kind of the data. */
function Input({ run }: { run: Run }) {
  const [channels, height] = run.data.input
  if (height === undefined) return isPlane(run.data) ? <PlaneView run={run} /> : <RowPad run={run} />
  return channels === 1 ? <Pad run={run} /> : <PhotoPad run={run} />
}
