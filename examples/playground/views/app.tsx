// The page: what runs, to the left; what there is to see and to do, to the right.

import { useEffect } from 'preact/hooks'
import { keepLooking } from '../model/look'
import { type Tab, current, tab, trouble } from '../model/store'
import { chosen, theme } from '../draw/theme'
import { Icon } from './icons'
import { Repair } from './repair'
import { Rewind } from './rewind'
import { RunPanel } from './run-panel'
import { Change } from './change'
import { Data } from './data'
import { Inside } from './inside'
import { Mistakes } from './mistakes'
import { TakeAlong } from './take-along'
import { Watch } from './watch'

const TABS: { id: Tab; title: string; view: () => preact.JSX.Element }[] = [
  { id: 'watch', title: 'Watch', view: Watch },
  { id: 'inside', title: 'Look inside', view: Inside },
  { id: 'mistakes', title: 'Mistakes', view: Mistakes },
  { id: 'change', title: 'Change it', view: Change },
  { id: 'rewind', title: 'Rewind, compare', view: Rewind },
  { id: 'repair', title: 'Repair', view: Repair },
  { id: 'data', title: 'Other data', view: Data },
  { id: 'take', title: 'Take along', view: TakeAlong },
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

function Tabs() {
  const at = Math.max(0, TABS.findIndex(({ id }) => id === tab.value))
  const { id, view: View } = TABS[at]
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
        {current.value ? <View key={id} /> : <p class="soft">Loading the digits …</p>}
      </div>
    </>
  )
}
