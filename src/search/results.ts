// What a search found, for people: a table and a picture.

import {
  PlanError,
  checkArguments,
  checkNoPromise,
  checkOptions,
  count,
  integer,
  isPlain,
  quote,
  readSafely,
  show,
} from '../errors'
import { COLOR, circle, frame, line, linearTicks, log10, logTicks, text } from '../svg'
import { textOf } from './texts'
import { type Choice, type Range, type Space, checkSpace, placeOf } from './space'
import { type Round, type SearchResult, type TrialResult, problemOf } from './trials'

type Found = Pick<SearchResult, 'trials' | 'rounds' | 'goal'>

/** A copy of what is shown of a result, which may have gone through JSON. Throws a PlanError where it is none. */
function readResult(where: string, result: unknown): Found {
  return readSafely(where, 'the result', () => {
    checkNoPromise(where, 'the result', result, 'search(...) first')
    const { trials, rounds, goal } = (result ?? {}) as Partial<Found>
    if (!Array.isArray(trials) || !Array.isArray(rounds) || !rounds.length || (goal !== 'low' && goal !== 'high')) {
      throw new PlanError(`${where}: wants what search gives, got ${show(result)}`)
    }
    const copy = Array.from(rounds as (Partial<Round> | null | undefined)[], (round) => ({
      space: checkSpace(where, round?.space as Space),
      first: integer(where, 'first of a round', round?.first, 0),
      trials: integer(where, 'trials of a round', round?.trials, 0),
    }))
    const fits = Object.entries(copy[0].space).map(([name, dimension]) => [name, memberOf(dimension)] as const)
    const readTrial = (trial: Partial<TrialResult> | null | undefined, i: number): TrialResult => {
      if (!isPlain(trial)) throw new PlanError(`${where}: trials[${i}]: it is no trial`)
      const read = { ...trial, score: Number.isFinite(trial.score) ? trial.score : null }
      const problem = problemOf(read)
      if (problem) throw new PlanError(`${where}: trials[${i}]: ${problem}`)
      const parameters = { ...trial.parameters }
      for (const [name, fit] of fits) {
        if (fit(parameters[name])) continue
        throw new PlanError(`${where}: trials[${i}]: its ${quote(name)} is ${show(parameters[name])}, not of the space`)
      }
      return { ...(read as TrialResult), parameters, score: read.score ?? NaN }
    }
    return { trials: Array.from(trials as (TrialResult | undefined)[], readTrial), rounds: copy, goal }
  })
}

/** Whether a value can be of a dimension. */
function memberOf(dimension: Range | Choice): (value: unknown) => boolean {
  if (dimension.kind !== 'choice') {
    const { low, high } = dimension
    return (value) => typeof value === 'number' && value >= low && value <= high
  }
  const values = new Set(dimension.values.map(textOf))
  return (value) => values.has(textOf(value))
}

/**
 * The trials as a table, the best first: text, a line each. `limit` is how many at most, all unless given.
 *
 *     console.log(searchTable(result, { limit: 10 }))
 */
export function searchTable<S extends Space>(result: SearchResult<S>, options: { limit?: number } = {}): string {
  const where = 'searchTable'
  checkArguments(where, arguments, 2)
  const { limit = Infinity } = checkOptions(where, options, ['limit'])
  if (limit !== Infinity) integer(where, 'limit', limit, 1)
  const { trials, rounds } = readResult(where, result)
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
  const header = ['rank', 'trial', 'score', 'status', ...names.map(([name]) => cell(name)), 'seconds']
  const widths = header.map((title) => title.length)
  for (const row of rows) for (const [i, { length }] of row.entries()) widths[i] = Math.max(widths[i], length)
  // Names to the left, numbers to the right.
  const left = (column: number) => column === 3 || names[column - 4]?.[1].kind === 'choice'
  const lines = [header, ...rows].map((row) =>
    row
      .map((value, column) => (left(column) ? value.padEnd(widths[column]) : value.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  )
  const hidden = trials.length - rows.length
  if (hidden) lines.push(`and ${hidden} more`)
  return lines.join('\n')
}

/** Text that fits a line of a table, or a place in a picture. */
function cell(value: string): string {
  const line = value.slice(0, CELL).replaceAll(/\p{Cc}/gu, ' ')
  return value.length > CELL ? `${line}...` : line
}

const CELL = 60

/** A value, short; of a β near 1, enough digits of 1 - β. */
function format(dimension: Range | Choice, value: unknown): string {
  if (dimension.kind === 'choice') return cell(typeof value === 'string' ? value : JSON.stringify(value))
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
 * later are darker. `title` is 'Hyperparameter search' unless given; `score`, 'score' unless given, names the scores.
 *
 *     writeFileSync('search.svg', searchPicture(result, { title: 'Softmax regression on MNIST', score: 'loss' }))
 */
export function searchPicture<S extends Space>(
  result: SearchResult<S>,
  options: { title?: string; score?: string } = {},
): string {
  const where = 'searchPicture'
  checkArguments(where, arguments, 2)
  const read = checkOptions(where, options, ['title', 'score'])
  const title = caption(where, 'title', read.title ?? 'Hyperparameter search')
  const score = caption(where, 'score', read.score ?? 'score')
  const { trials, rounds, goal } = readResult(where, result)
  if (!trials.length) throw new PlanError(`${where}: no trial has ended yet`)
  const dimensions = Object.entries(rounds[0].space)
  if (trials.length * dimensions.length > MAX_MARKS) {
    throw new PlanError(
      `${where}: ${trials.length} trials of ${dimensions.length} hyperparameters are too many for a picture; hand in some of the trials`,
    )
  }
  const y = scoreAxis(trials.map((trial) => trial.score).filter(Number.isFinite))
  const lost = trials.filter((trial) => !Number.isFinite(trial.score)).length
  const [best] = trials
  const subtitle = [
    count(trials.length, 'trial'),
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
    const place = placesOf(dimension)
    const toX = (place: number) => left + place * PLOT.width
    const toY = (place: number) => bottom - place * PLOT.height
    const muted = { fill: COLOR.muted, 'text-anchor': 'middle' }
    out.push(text(left, top - 18, cell(name), { fill: COLOR.ink, 'font-size': 15, 'font-weight': 600 }))
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
    out.push(text((left + right) / 2, bottom + 43, `${cell(name)}${SCALES[dimension.kind]}`, muted))
    const [besideX, besideY] = [left - 54, (top + bottom) / 2]
    const turned = { ...muted, transform: `rotate(-90 ${besideX} ${besideY})` }
    if (i % PLOT.columns === 0) out.push(text(besideX, besideY, `${score}${y.log ? ', log scale' : ''}`, turned))
    // The best last, on top of the others.
    for (const trial of trials.toReversed()) {
      const x = toX(place(trial.parameters[name], trial.index))
      const shade = SHADES[Math.max(SHADES.length - rounds.length + roundOf(trial, rounds), 0)]
      if (!Number.isFinite(trial.score)) out.push(cross(x, goal === 'low' ? top : bottom))
      else if (trial === best) out.push(circle(x, toY(y.place(trial.score)), 6.5, COLOR.test))
      else if (trial.status === 'stopped') out.push(circle(x, toY(y.place(trial.score)), 3.6, '#fff', shade))
      else out.push(circle(x, toY(y.place(trial.score)), 4.5, shade))
    }
  }
  return `${out.join('')}</svg>\n`
}

/** A picture of more marks would be larger than a text can be. */
const MAX_MARKS = 1_000_000

/** A text of a picture, on one line. */
function caption(where: string, name: string, value: unknown): string {
  if (typeof value !== 'string') throw new PlanError(`${where}: ${name} must be a text, got ${show(value)}`)
  return value.slice(0, 200).replaceAll(/\p{Cc}/gu, ' ')
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

/** Where a value lies, from 0 to 1: choices side by side, the trials of one a little apart, so that all are seen. */
function placesOf(dimension: Range | Choice): (value: unknown, index: number) => number {
  if (dimension.kind !== 'choice') return (value) => placeOf(dimension, value as number)
  const at = new Map(dimension.values.map((value, i) => [textOf(value), i]))
  return (value, index) => (at.get(textOf(value))! + 0.3 + 0.4 * ((index * 0.618) % 1)) / dimension.values.length
}

function ticksOf(dimension: Range | Choice): { place: number; label: string }[] {
  if (dimension.kind === 'choice') {
    const n = dimension.values.length
    const ticks = dimension.values.map((value, i) => ({ place: (i + 0.5) / n, label: format(dimension, value) }))
    return n > 12 ? thin(ticks) : ticks
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
function thin<T>(ticks: T[]): T[] {
  return ticks.filter((_, i) => i % Math.ceil(ticks.length / 6) === 0)
}

/** Scores that differ by orders of magnitude are shown on a log scale. */
function scoreAxis(scores: readonly number[]) {
  let [low, high] = scores.length ? [Infinity, -Infinity] : [0, 1]
  for (const score of scores) {
    low = Math.min(low, score)
    high = Math.max(high, score)
  }
  const logarithmic = low > 0 && high / low > 20
  const scale = logarithmic ? log10 : (value: number) => value
  // Each by itself and by halves: the distance of two numbers may be more than the greatest one.
  const pad = 0.05 * scale(high) - 0.05 * scale(low) || Math.abs(low) * 0.1 || 1
  const from = Math.max(scale(low) - pad, -Number.MAX_VALUE)
  const to = Math.min(scale(high) + pad, Number.MAX_VALUE)
  return {
    log: logarithmic,
    ticks: logarithmic ? logTicks(from, to) : linearTicks(from, to, 5),
    place: (value: number) => (scale(value) / 2 - from / 2) / (to / 2 - from / 2),
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
