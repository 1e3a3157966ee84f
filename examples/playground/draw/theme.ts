// Light or dark: what the system says, unless the reader chose. Canvases need colours as numbers.

import { computed, effect, signal } from '@preact/signals'

export type Rgb = readonly [number, number, number]

export interface Palette {
  readonly paper: Rgb
  readonly ink: Rgb
  readonly line: Rgb
  readonly soft: Rgb
  /** Of classes and runs. */
  readonly series: readonly Rgb[]
}

const hex = (text: string): Rgb => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16)) as unknown as Rgb

const SERIES = {
  light: ['#1f5fa8', '#b8530a', '#23774a', '#7a45ad', '#a8325f', '#0f7480', '#7d6608', '#5b5bd6', '#8a4b2a', '#4b5563'],
  dark: ['#74b3f7', '#f2994f', '#66c892', '#c6a0f2', '#f28bb0', '#5cc8d4', '#d9bf4e', '#a5a5ff', '#d99a76', '#aab4c2'],
}

const PALETTES: Record<'light' | 'dark', Palette> = {
  light: {
    paper: hex('#ffffff'),
    ink: hex('#1b2430'),
    line: hex('#dce1e7'),
    soft: hex('#566171'),
    series: SERIES.light.map(hex),
  },
  dark: {
    paper: hex('#191e25'),
    ink: hex('#e8ecf1'),
    line: hex('#303945'),
    soft: hex('#a2adbb'),
    series: SERIES.dark.map(hex),
  },
}

const system = globalThis.matchMedia?.('(prefers-color-scheme: dark)')
const systemDark = signal(system?.matches ?? false)
system?.addEventListener('change', ({ matches }) => (systemDark.value = matches))

/** What the reader chose, if anything. */
export const chosen = signal<'light' | 'dark' | undefined>(undefined)
export const theme = computed(() => chosen.value ?? (systemDark.value ? 'dark' : 'light'))
export const palette = computed(() => PALETTES[theme.value])

effect(() => {
  document.documentElement.dataset.theme = theme.value
})

export const css = ([r, g, b]: Rgb, alpha = 1) => `rgb(${r} ${g} ${b} / ${alpha})`

export const calm = globalThis.matchMedia?.('(prefers-reduced-motion: reduce)').matches ?? false
