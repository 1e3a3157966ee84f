// The place of a chart, with its title: as high before there is a curve as after.

import type { ComponentChildren } from 'preact'

export const HEIGHT = 132
export const TITLES = ['Loss', 'Right answers'] as const

export function ChartFrame({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <div style={{ height: `${HEIGHT}px` }}>{children}</div>
    </figure>
  )
}

/** What stands there before the first step. */
export function EmptyCharts() {
  return (
    <div class="charts">
      {TITLES.map((title) => (
        <ChartFrame key={title} title={title} />
      ))}
    </div>
  )
}
