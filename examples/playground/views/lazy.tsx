// A part of the page that is loaded when it is first shown.

import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'

type Part<P> = { readonly View: ComponentType<P> } | 'failed' | undefined

/** Shows `Waiting` until it is there, which is nothing unless given; and where it does not come, it can be asked for again. */
export function lazy<P extends object>(
  load: () => Promise<ComponentType<P>>,
  Waiting?: ComponentType<P>,
): ComponentType<P> {
  const part = signal<Part<P>>(undefined)
  let isAsked = false
  const ask = () => {
    isAsked = true
    part.value = undefined
    load().then(
      (View) => (part.value = { View }),
      () => (part.value = 'failed'),
    )
  }
  return function Lazy(props: P) {
    if (!isAsked) ask()
    const now = part.value
    if (now === 'failed') return <Failed onAgain={ask} />
    if (now) return <now.View {...props} />
    return Waiting ? <Waiting {...props} /> : null
  }
}

function Failed({ onAgain }: { onAgain(): void }) {
  return (
    <div class="note row" role="alert">
      <span>This part of the page could not be loaded. Is there a network?</span>
      <button onClick={onAgain}>Ask again</button>
    </div>
  )
}
