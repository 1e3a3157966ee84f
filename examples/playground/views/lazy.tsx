// A part of the page that is loaded when it is first shown.

import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'

export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  const loaded = signal<ComponentType<P> | undefined>(undefined)
  let isAsked = false
  return function Lazy(props: P) {
    if (!isAsked) {
      isAsked = true
      load().then(
        (view) => (loaded.value = view),
        // It may be asked for once more, when there is a network.
        () => (isAsked = false),
      )
    }
    const View = loaded.value
    return View ? <View {...props} /> : null
  }
}
