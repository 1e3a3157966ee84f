import { signal } from '@preact/signals'

/** The path of the layer that is looked into. */
export const chosenLayer = signal('0')
