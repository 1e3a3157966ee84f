// What a search found, for people: a table and a picture.

import { PlanError, checkOptions, integer } from '../errors'
import type { SearchResult, TrialResult } from './search'
import { type Choice, type Range, type Space, placeOf } from './space'
import { COLOR, circle, frame, line, linearTicks, log10, logTicks, text } from '../svg'

type Found = Pick<SearchResult, 'trials' | 'rounds' | 'goal'>

/**
 * The trials as a table, the best first: text, a line each.
 *
 *     console.log(searchTable(result, { limit: 10 }))
 */
export function searchTable<S extends Space>(result: SearchResult<S>, options: { limit?: number } = {}): string {
  checkOptions('searchTable', options, ['limit'])
  const { limit = Infinity } = options
  if (limit !== Infinity) integer('searchTable', 'limit', limit, 1)
  const { trials, rounds } = result as unknown as Found
  const names = Object.entries(rounds[0].space)
  const rows = trials
    .slice(0, limit)
    .map((trial, i) => [
      String(i + 1),
      String(trial.index),
      Number.isFinite(trial.score) ? trial.score.toPrecision(4) : '-',
      trial.status,
      ...names.map(([name, dimension]) => format(dimension, trial.parameters[name])),
      trial.seconds.toFixed(1),
    ])
  const header = ['rank', 'trial', 'score', 'status', ...names.map(([name]) => name), 'seconds']
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column].length)))
  // Names to the left, numbers to the right.
  const left = (column: number) => column === 3 || names[column - 4]?.[1].kind === 'choice'
  const lines = [header, ...rows].map((row) =>
    row
      .map((cell, column) => (left(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  )
  const hidden = trials.length - rows.length
  if (hidden) lines.push(`and ${hidden} more`)
  return lines.join('\n')
}

/** A value, short; of a β near 1, enough digits of 1 - β. */
function format(dimension: Range | Choice, value: unknown): string {
  if (dimension.kind === 'choice') return typeof value === 'string' ? value : JSON.stringify(value)
  const number = value as number
  if (dimension.kind === 'integer') return String(number)
  if (dimension.kind !== 'oneMinusLogUniform') return number.toPrecision(4)
  return String(Number((1 - Number((1 - number).toPrecision(3))).toFixed(12)))
}

/** Of a plot, in pixels. */
const PLOT = { width: 290, height: 240, left: 76, top: 150, columns: 3, stepX: 380, stepY: 340 }

/**
 * The scores of all trials against each hyperparameter, on the scale that it was drawn on: the text of an SVG file.
 * Crosses at the worse end are trials that diverged or failed, rings those that were ended early; of several rounds the
 * later are darker. `title` is 'Hyperparameter search' unless given, `score`, the name of what was measured, 'score'
 * unless given.
 *
 *     writeFileSync('search.svg', searchPicture(result, { title: 'Softmax regression on MNIST', score: 'loss' }))
 */
export function searchPicture<S extends Space>(
  result: SearchResult<S>,
  options: { title?: string; score?: string } = {},
): string {
  checkOptions('searchPicture', options, ['title', 'score'])
  const { title = 'Hyperparameter search', score = 'score' } = options
  const { trials, rounds, goal } = result as unknown as Found
  if (!trials.length) throw new PlanError('searchPicture: no trial has ended yet')
  const dimensions = Object.entries(rounds[0].space)
  const y = scoreAxis(trials.map((trial) => trial.score).filter(Number.isFinite))
  const lost = trials.filter((trial) => !Number.isFinite(trial.score)).length
  const [best] = trials
  const subtitle = [
    `${trials.length} trials`,
    ...(rounds.length > 1 ? [`in ${rounds.length} rounds`] : []),
    ...(lost ? [`${lost} without a score`] : []),
    Number.isFinite(best.score)
      ? `best ${score} ${best.score.toPrecision(4)}, trial ${best.index}`
      : 'none with a score',
  ].join(', ')
  const columns = Math.min(dimensions.length, PLOT.columns)
  const rows = Math.ceil(dimensions.length / PLOT.columns)
  const width = Math.max(PLOT.left + columns * PLOT.stepX - 60, 700)
  const out = [frame(width, PLOT.top + rows * PLOT.stepY - 20, title, subtitle), legend(rounds.length)]
  for (const [i, [name, dimension]] of dimensions.entries()) {
    const left = PLOT.left + (i % PLOT.columns) * PLOT.stepX
    const top = PLOT.top + Math.floor(i / PLOT.columns) * PLOT.stepY
    const bottom = top + PLOT.height
    const right = left + PLOT.width
    const toX = (place: number) => left + place * PLOT.width
    const toY = (place: number) => bottom - place * PLOT.height
    const muted = { fill: COLOR.muted, 'text-anchor': 'middle' }
    out.push(text(left, top - 18, name, { fill: COLOR.ink, 'font-size': 15, 'font-weight': 600 }))
    for (const tick of y.ticks) {
      out.push(line(left, toY(y.place(tick)), right, toY(y.place(tick)), COLOR.grid))
      out.push(text(left - 9, toY(y.place(tick)) + 4, short(tick), { fill: COLOR.muted, 'text-anchor': 'end' }))
    }
    for (const { place, label } of ticksOf(dimension)) {
      out.push(
        line(toX(place), bottom, toX(place), bottom + 5, COLOR.line),
        text(toX(place), bottom + 21, label, muted),
      )
    }
    out.push(line(left, bottom, right, bottom, COLOR.line))
    out.push(text((left + right) / 2, bottom + 43, `${name}${SCALES[dimension.kind]}`, muted))
    const [besideX, besideY] = [left - 54, (top + bottom) / 2]
    const turned = { ...muted, transform: `rotate(-90 ${besideX} ${besideY})` }
    if (i % PLOT.columns === 0) out.push(text(besideX, besideY, `${score}${y.log ? ', log scale' : ''}`, turned))
    // The best last, on top of the others.
    for (const trial of trials.toReversed()) {
      const x = toX(placeIn(dimension, trial.parameters[name], trial.index))
      const shade = SHADES[Math.max(SHADES.length - rounds.length + roundOf(trial, rounds), 0)]
      if (!Number.isFinite(trial.score)) out.push(cross(x, goal === 'low' ? top : bottom))
      else if (trial === best) out.push(circle(x, toY(y.place(trial.score)), 6.5, COLOR.test))
      else if (trial.status === 'stopped') out.push(circle(x, toY(y.place(trial.score)), 3.6, '#fff', shade))
      else out.push(circle(x, toY(y.place(trial.score)), 4.5, shade))
    }
  }
  return `${out.join('')}</svg>\n`
}

/** Of the rounds, the last being the darkest. */
const SHADES = ['#a9c8e8', '#6ea3d6', COLOR.training]

const SCALES = {
  uniform: '',
  integer: '',
  choice: '',
  logUniform: ', log scale',
  oneMinusLogUniform: ', log scale of 1 \u2212 value',
}

function roundOf({ index }: TrialResult, rounds: SearchResult['rounds']): number {
  return rounds.findLastIndex(({ first }) => first <= index)
}

/** Choices side by side, the trials of one a little apart, so that all are seen. */
function placeIn(dimension: Range | Choice, value: unknown, index: number): number {
  if (dimension.kind !== 'choice') return placeOf(dimension, value as number)
  const at = dimension.values.findIndex((other) => JSON.stringify(other) === JSON.stringify(value))
  return (at + 0.3 + 0.4 * ((index * 0.618) % 1)) / dimension.values.length
}

function ticksOf(dimension: Range | Choice): { place: number; label: string }[] {
  if (dimension.kind === 'choice') {
    const n = dimension.values.length
    return dimension.values.map((value, i) => ({ place: (i + 0.5) / n, label: format(dimension, value) }))
  }
  const { kind, low, high } = dimension
  const values =
    low === high
      ? [low]
      : kind === 'logUniform'
        ? thin(logTicks(log10(low), log10(high)))
        : kind === 'oneMinusLogUniform'
          ? thin(logTicks(log10(1 - high), log10(1 - low))).map((rest) => Number((1 - rest).toFixed(12)))
          : linearTicks(low, high, 5, kind === 'integer' ? 1 : 0)
  return values.map((value) => ({ place: placeOf(dimension, value), label: short(value) }))
}

/** So many that their labels have room. */
function thin(ticks: number[]): number[] {
  return ticks.filter((_, i) => i % Math.ceil(ticks.length / 6) === 0)
}

/** Scores that differ by orders of magnitude are shown on a log scale. */
function scoreAxis(scores: readonly number[]) {
  let low = Math.min(...scores)
  let high = Math.max(...scores)
  if (!scores.length) [low, high] = [0, 1]
  const logarithmic = low > 0 && high / low > 20
  const scale = logarithmic ? log10 : (value: number) => value
  const pad = 0.05 * (scale(high) - scale(low)) || Math.abs(low) * 0.1 || 1
  const [from, to] = [scale(low) - pad, scale(high) + pad]
  return {
    log: logarithmic,
    ticks: logarithmic ? logTicks(from, to) : linearTicks(from, to, 5),
    place: (value: number) => (scale(value) - from) / (to - from),
  }
}

function short(value: number): string {
  const size = Math.abs(value)
  const label = size && (size < 1e-3 || size >= 1e5) ? value.toExponential(0) : String(Number(value.toFixed(6)))
  return label.replaceAll('-', '\u2212')
}

function cross(x: number, y: number): string {
  return line(x - 4, y - 4, x + 4, y + 4, '#98a2b3', '', WIDE) + line(x - 4, y + 4, x + 4, y - 4, '#98a2b3', '', WIDE)
}

const WIDE = 'stroke-width="1.75"'

function legend(rounds: number): string {
  const y = 100
  const last = SHADES[SHADES.length - 1]
  const entries: [string, (x: number) => string][] = [
    ['best', (x) => circle(x, y, 6.5, COLOR.test)],
    [rounds > 1 ? 'trial of the last round' : 'trial', (x) => circle(x, y, 4.5, last)],
    ...(rounds > 1
      ? [['of rounds before', (x) => circle(x, y, 4.5, SHADES[0])] as [string, (x: number) => string]]
      : []),
    ['ended early', (x) => circle(x, y, 3.6, '#fff', last)],
    ['diverged or failed', (x) => cross(x, y)],
  ]
  let x = 40
  return entries
    .map(([name, draw]) => {
      const entry = draw(x) + text(x + 12, y + 4, name, { fill: COLOR.muted, 'font-size': 12 })
      x += 42 + 6.2 * name.length
      return entry
    })
    .join('')
}
