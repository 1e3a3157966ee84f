// Signs on buttons, as lines.

const paths = {
  play: 'M6 4.5v11l9-5.5z',
  pause: 'M6 4.5v11M13.5 4.5v11',
  step: 'M5 4.5v11l7-5.5zM14.5 4.5v11',
  epoch: 'M3.5 4.5v11l6-5.5zM10 4.5v11l6-5.5z',
  reset: 'M4.5 10a5.5 5.5 0 1 0 1.8-4.1M4.2 3.6v3.2h3.2',
  sun: 'M10 6.6a3.4 3.4 0 1 0 .01 0M10 2v1.6M10 16.4V18M2 10h1.6M16.4 10H18M4.4 4.4l1.1 1.1M14.5 14.5l1.1 1.1M4.4 15.6l1.1-1.1M14.5 5.5l1.1-1.1',
  moon: 'M16 12.2A6.6 6.6 0 0 1 7.8 4a6.6 6.6 0 1 0 8.2 8.2z',
  next: 'M4 10h11M10.5 5.5 15 10l-4.5 4.5',
  clear: 'M5 5l10 10M15 5 5 15',
  file: 'M10 13V3.5M6.5 7 10 3.5 13.5 7M4 12.5v4h12v-4',
  camera: 'M3 6.5h3.2L7.6 4.5h4.8l1.4 2H17v9H3zM10 8.2a2.7 2.7 0 1 0 .01 0',
  check: 'M4 10.5 8 14.5 16 5.5',
  plus: 'M10 4v12M4 10h12',
  up: 'M10 15.5v-11M5.5 9 10 4.5 14.5 9',
  down: 'M10 4.5v11M5.5 11l4.5 4.5 4.5-4.5',
  fork: 'M6 3v14M6 11c0-4 8-2 8-7M11.5 6 14 3.5 16.5 6',
} as const

export type IconName = keyof typeof paths

export function Icon({ name }: { name: IconName }) {
  const solid = name === 'play' || name === 'step' || name === 'epoch'
  return (
    <svg class={solid ? 'icon solid' : 'icon'} viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  )
}
