// A part of the page that is loaded when it is first shown.

import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'

type Part<P> = { readonly View: ComponentType<P> } | 'failed' | undefined

/**
 * The component that `pick` finds in a module. Shows `Waiting` until it is there, which is nothing unless given; and where
 * it does not come, it can be asked for again.
 */
export function lazy<M, P extends object>(
  load: () => Promise<M>,
  pick: (module: M) => ComponentType<P>,
  Waiting?: ComponentType<P>,
): ComponentType<P> {
  const part = signal<Part<P>>(undefined)
  let times = 0
  const ask = async () => {
    part.value = undefined
    try {
      const View = pick(await (times++ ? loadAgain(load, times) : load()))
      part.value = View ? { View } : 'failed'
    } catch {
      part.value = 'failed'
    }
  }
  return function Lazy(props: P) {
    if (!times) void ask()
    const now = part.value
    if (now === 'failed') return <Failed onAgain={() => void ask()} />
    if (now) return <now.View {...props} />
    return Waiting ? <Waiting {...props} /> : null
  }
}

/** Firefox remembers that a module did not load, as the standard has it: it is asked for under another address then. */
async function loadAgain<M>(load: () => Promise<M>, times: number): Promise<M> {
  try {
    return await load()
  } catch (error) {
    const [address] = /https?:\S+\.js/.exec(String(error)) ?? []
    if (!address) throw error
    return (await import(/* @vite-ignore */ `${address}?${times}`)) as M
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
