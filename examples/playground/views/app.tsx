// The page: what runs, to the left; what there is to see and to do, to the right.

import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { keepLooking } from '../model/look'
import { type Tab, current, tab, trouble } from '../model/store'
import { chosen, theme } from '../draw/theme'
import { Icon } from './icons'
import { RunPanel } from './run-panel'
import { Watch } from './watch'

type View = () => preact.JSX.Element

/** Loaded when they are opened first, so that the page opens quickly. */
const TABS: { id: Tab; title: string; load: View | (() => Promise<View>) }[] = [
  { id: 'watch', title: 'Watch', load: Watch },
  { id: 'inside', title: 'Look inside', load: async () => (await import('./inside')).Inside },
  { id: 'mistakes', title: 'Mistakes', load: async () => (await import('./mistakes')).Mistakes },
  { id: 'change', title: 'Change it', load: async () => (await import('./change')).Change },
  { id: 'rewind', title: 'Rewind, compare', load: async () => (await import('./rewind')).Rewind },
  { id: 'repair', title: 'Repair', load: async () => (await import('./repair')).Repair },
  { id: 'data', title: 'Other data', load: async () => (await import('./data')).Data },
  { id: 'race', title: 'Optimizers', load: async () => (await import('./race')).Race },
  { id: 'take', title: 'Take along', load: async () => (await import('./take-along')).TakeAlong },
]

export function App() {
  useEffect(keepLooking, [])
  return (
    <>
      <header class="top">
        <h1>
          <span class="brand">v128</span> <span>Watch a network learn</span>
        </h1>
        <button
          class="quiet round"
          onClick={() => (chosen.value = theme.value === 'dark' ? 'light' : 'dark')}
          aria-label={theme.value === 'dark' ? 'Light colours' : 'Dark colours'}
        >
          <Icon name={theme.value === 'dark' ? 'sun' : 'moon'} />
        </button>
      </header>
      {trouble.value && (
        <p class="alert" role="alert">
          {trouble.value}
          <button class="quiet" onClick={() => (trouble.value = '')}>
            Close
          </button>
        </p>
      )}
      <div class="page">
        <RunPanel />
        <main>
          <Tabs />
        </main>
      </div>
    </>
  )
}

const loaded = signal<ReadonlyMap<Tab, View>>(new Map([['watch', Watch]]))

function Tabs() {
  const at = Math.max(
    0,
    TABS.findIndex(({ id }) => id === tab.value),
  )
  const { id, load } = TABS[at]
  const View = loaded.value.get(id)
  useEffect(() => {
    document.getElementById(`tab-${id}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
    if (View) return
    const keep = (view: View) => (loaded.value = new Map(loaded.value).set(id, view))
    void (load as () => Promise<View>)().then(keep, () => (trouble.value = NOT_LOADED))
  }, [id])
  const move = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (!by) return
    event.preventDefault()
    const next = TABS[(at + by + TABS.length) % TABS.length]
    tab.value = next.id
    document.getElementById(`tab-${next.id}`)?.focus()
  }
  return (
    <>
      <div class="tabs" role="tablist" aria-label="What to see and do" onKeyDown={move}>
        {TABS.map((one) => (
          <button
            key={one.id}
            id={`tab-${one.id}`}
            role="tab"
            aria-selected={one.id === id}
            aria-controls="panel"
            tabIndex={one.id === id ? 0 : -1}
            onClick={() => (tab.value = one.id)}
          >
            {one.title}
          </button>
        ))}
      </div>
      <div id="panel" role="tabpanel" aria-labelledby={`tab-${id}`}>
        {current.value && View ? <View key={id} /> : <p class="soft">{current.value ? '' : 'Loading the digits …'}</p>}
      </div>
    </>
  )
}

const NOT_LOADED = 'This part of the page could not be loaded: is there a network? Open it again when there is one.'
