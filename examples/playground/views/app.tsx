// The page: what runs, to the left; what there is to see and to do, to the right.

import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import { keepLooking } from '../model/look'
import { type Tab, current, tab, trouble } from '../model/store'
import { chosen, theme } from '../draw/theme'
import { Icon } from './icons'
import { lazy } from './lazy'
import { RunPanel } from './run-panel'
import { Watch } from './watch'

/** Loaded when they are opened first, so that the page opens quickly. */
const TABS: { id: Tab; title: string; View: ComponentType }[] = [
  { id: 'watch', title: 'Watch', View: Watch },
  {
    id: 'inside',
    title: 'Look inside',
    View: lazy(
      () => import('./inside'),
      ({ Inside }) => Inside,
    ),
  },
  {
    id: 'mistakes',
    title: 'Mistakes',
    View: lazy(
      () => import('./mistakes'),
      ({ Mistakes }) => Mistakes,
    ),
  },
  {
    id: 'change',
    title: 'Change it',
    View: lazy(
      () => import('./change'),
      ({ Change }) => Change,
    ),
  },
  {
    id: 'rewind',
    title: 'Rewind, compare',
    View: lazy(
      () => import('./rewind'),
      ({ Rewind }) => Rewind,
    ),
  },
  {
    id: 'repair',
    title: 'Repair',
    View: lazy(
      () => import('./repair'),
      ({ Repair }) => Repair,
    ),
  },
  {
    id: 'data',
    title: 'Other data',
    View: lazy(
      () => import('./data'),
      ({ Data }) => Data,
    ),
  },
  {
    id: 'race',
    title: 'Optimizers',
    View: lazy(
      () => import('./race'),
      ({ Race }) => Race,
    ),
  },
  {
    id: 'take',
    title: 'Take along',
    View: lazy(
      () => import('./take-along'),
      ({ TakeAlong }) => TakeAlong,
    ),
  },
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
  const at = Math.max(
    0,
    TABS.findIndex(({ id }) => id === tab.value),
  )
  const { id, View } = TABS[at]
  useEffect(() => {
    document.getElementById(`tab-${id}`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
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
        {current.value ? <View key={id} /> : <p class="soft">Loading the digits …</p>}
      </div>
    </>
  )
}
