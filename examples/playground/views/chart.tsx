// Curves of all runs on the same axes.

import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { css, palette } from '../draw/theme'
import type { Run } from '../model/run'
import { smooth } from '../model/series'
import { runs } from '../model/store'
import { ChartFrame, HEIGHT, TITLES } from './chart-frame'
import { percent as share, short } from './format'

interface Curve {
  readonly x: readonly number[]
  readonly y: readonly number[]
  /** Which colour. */
  readonly colour: number
  readonly dashed?: boolean
  readonly faint?: boolean
}

interface ChartProps {
  title: string
  label: string
  curves: readonly Curve[]
  percent?: boolean
  log?: boolean
}

/** A vertical scale of the powers of ten is of use from here on down. */
const LEAST = 1e-4

function Chart({ title, label, curves, percent, log }: ChartProps) {
  const host = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const colours = palette.value
  const shape = curves.map(({ colour, dashed, faint }) => `${colour}${dashed}${faint}`).join()
  useEffect(() => {
    const element = host.current!
    const axis = { stroke: css(colours.soft), grid: { stroke: css(colours.line), width: 1 }, ticks: { show: false } }
    const powers = (_: uPlot, ticks: number[]) => ticks.map((v) => (Math.abs(Math.log10(v) % 1) < 1e-6 ? v : null))
    const font = '11px system-ui, sans-serif'
    const made = new uPlot(
      {
        width: element.clientWidth || 280,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 16, 0, 0],
        scales: {
          x: { time: false, range: (_, low, high) => [Math.min(low ?? 0, 0), Math.max(high ?? 0, 10)] },
          y: percent ? { range: (_, low) => [low === null || low > 0.5 ? 0.5 : 0, 1] } : log ? { distr: 3 } : {},
        },
        axes: [
          {
            ...axis,
            font,
            size: 24,
            gap: 4,
            values: (_, ticks) => ticks.map((v) => (v >= 10_000 ? `${v / 1000}k` : `${v}`)),
          },
          {
            ...axis,
            font,
            size: 42,
            ...(log && { filter: powers, grid: { ...axis.grid, filter: powers } }),
            gap: 4,
            values: (_, ticks) =>
              ticks.map((v) =>
                v === null ? '' : percent ? `${Math.round(100 * v)} %` : `${Number(v.toPrecision(2))}`,
              ),
          },
        ],
        series: [
          {},
          ...curves.map(({ colour, dashed, faint }) => ({
            stroke: css(colours.series[colour], faint ? 0.4 : 1),
            width: faint ? 1.25 : 2,
            ...(dashed && { dash: [4, 3] }),
            points: { show: false },
            spanGaps: true,
          })),
        ],
      },
      dataOf(curves, log),
      element,
    )
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [shape, colours, percent, log])
  useEffect(() => plot.current?.setData(dataOf(curves, log)))
  return (
    <ChartFrame title={title}>
      <div ref={host} role="img" aria-label={label} />
    </ChartFrame>
  )
}

function dataOf(curves: readonly Curve[], log = false): uPlot.AlignedData {
  if (!curves.length) return [[], []]
  const tables = curves.map(
    ({ x, y }) => [x, log ? y.map((v) => Math.max(v, LEAST)) : y] as unknown as uPlot.AlignedData,
  )
  return tables.length === 1 ? tables[0] : uPlot.join(tables)
}

function lossCurves(runs: readonly Run[]): Curve[] {
  return runs.flatMap(({ trainLoss, testLoss, colour }) => [
    { x: trainLoss.x, y: smooth(trainLoss.y), colour, faint: true },
    { x: testLoss.x, y: testLoss.y, colour },
  ])
}

function accuracyCurves(runs: readonly Run[]): Curve[] {
  return runs.map(({ testAccuracy, colour }) => ({ x: testAccuracy.x, y: testAccuracy.y, colour }))
}

export function Charts({ run }: { run: Run }) {
  return (
    <div class="charts" data-version={runs.value.map((one) => one.version.value).join()}>
      <Chart
        title={TITLES[0]}
        label={`Curve of the loss. Now ${short(run.testLoss.last)} on examples that it never trains on.`}
        curves={lossCurves(runs.value)}
        log
      />
      <Chart
        title={TITLES[1]}
        label={`Curve of the share of right answers. Now ${share(run.testAccuracy.last)}.`}
        curves={accuracyCurves(runs.value)}
        percent
      />
    </div>
  )
}
