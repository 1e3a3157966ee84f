// Pictures as SVG files without dependencies: drawCurves, of a run, with the loss on the left and the accuracy on the
// right; drawPlots, of any lines, over contours if wanted;
// drawImages, drawScatter and drawHistograms.

import { COLOR, HALO, circle, escape, frame, line, linearTicks, logTicks, text } from '#svg'

/**
 * @typedef {{ step: number, loss: number, accuracy: number }} Point after so many steps; accuracy from 0 to 1
 *
 * @typedef {object} Curves
 * @property {string} title
 * @property {string} subtitle
 * @property {number} stepsPerEpoch
 * @property {readonly Point[]} training means over the latest batches
 * @property {readonly Point[]} test
 *
 * @typedef {{ x: number, y: number }} Dot in the units of the axes
 *
 * @typedef {object} Panel
 * @property {string} title
 * @property {string} note
 * @property {number} left of the plot, in pixels; its other sides are the same for all panels
 * @property {readonly Dot[]} training
 * @property {readonly Dot[]} smooth
 * @property {readonly Dot[]} test
 * @property {Axis} axis
 * @property {(value: number) => string} format for the values beside the plot
 *
 * @typedef {object} Axis
 * @property {readonly number[]} ticks
 * @property {(value: number) => string} label
 * @property {(value: number) => number} place from 0, the bottom, to 1, the top
 */

const WIDTH = 1080
const HEIGHT = 500
const PLOT = { width: 400, top: 134, bottom: 434 }
/**
 * The SVG text of the training curves. Values that are not finite, as in a run that diverged, are left out.
 *
 *     writeFileSync('curves.svg', drawCurves({ title, subtitle, stepsPerEpoch: 938, training, test }))
 *
 * @param {Curves} curves
 */
export function drawCurves({ title, subtitle, stepsPerEpoch, training, test }) {
  const steps = Math.max(1, ...[...training, ...test].map((point) => point.step))
  const loss = {
    training: dots(training, 'loss'),
    smooth: smooth(dots(training, 'loss')),
    test: dots(test, 'loss'),
  }
  const accuracy = {
    training: dots(training, 'accuracy'),
    smooth: smooth(dots(training, 'accuracy')),
    test: dots(test, 'accuracy'),
  }
  /** @type {Panel[]} */
  const panels = [
    {
      title: 'Loss',
      note: 'cross-entropy, log scale',
      left: 76,
      ...loss,
      axis: logAxis([...loss.training, ...loss.test].map((dot) => dot.y)),
      format: (value) => (value < 1e-3 || value >= 1e4 ? value.toExponential(1) : value.toPrecision(3)),
    },
    {
      title: 'Accuracy',
      note: '',
      left: 610,
      ...accuracy,
      axis: shareAxis(accuracy),
      format: (value) => `${(value * 100).toFixed(2)} %`,
    },
  ]
  return [
    frame(WIDTH, HEIGHT, title, subtitle),
    ...panels.map((panel, index) => drawPanel(panel, index, steps, stepsPerEpoch)),
    '</svg>\n',
  ].join('')
}

/**
 * Colours that people tell apart whatever they see of colour (Okabe & Ito), in the order of the lines of a plot.
 */
const PALETTE = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000']

/**
 * Two plots side by side, each with a legend of its own beneath its title. What lies outside the ranges is cut off.
 *
 * @param {{ title: string, subtitle: string, plots: readonly Plot[] }} picture
 *
 * @typedef {object} Plot
 * @property {string} title
 * @property {string} note
 * @property {Range} x
 * @property {Range} y
 * @property {readonly Line[]} lines
 * @property {(x: number, y: number) => number} [surface] drawn as contours, denser towards its least value
 * @property {readonly (Dot & { label: string, below?: boolean })[]} [marks]
 *
 * @typedef {{ label: string, low: number, high: number }} Range
 *
 * @typedef {{ name: string, dots: readonly Dot[], steps?: boolean }} Line with `steps`, a dot is drawn for each
 */
export function drawPlots({ title, subtitle, plots }) {
  const rows = Math.ceil(Math.max(...plots.map(({ lines }) => lines.length)) / LEGEND_COLUMNS)
  const top = PLOT.top + 22 * rows
  const bottom = top + PLOT.bottom - PLOT.top + 36
  return [
    frame(WIDTH, bottom + 66, title, subtitle),
    ...plots.map((plot, index) => drawPlot(plot, index, [76, 610][index], top, bottom)),
    '</svg>\n',
  ].join('')
}

const LEGEND_COLUMNS = 4

/**
 * @param {Plot} plot
 * @param {number} index
 * @param {number} left
 * @param {number} top
 * @param {number} bottom
 */
function drawPlot(plot, index, left, top, bottom) {
  const { width } = PLOT
  const right = left + width
  const x = (/** @type {number} */ value) => left + ((value - plot.x.low) / (plot.x.high - plot.x.low)) * width
  const y = (/** @type {number} */ value) =>
    bottom - ((value - plot.y.low) / (plot.y.high - plot.y.low)) * (bottom - top)
  const muted = { fill: COLOR.muted, 'text-anchor': 'middle' }
  const out = [drawTitle(left, 104, plot.title, plot.note)]
  for (const [i, { name }] of plot.lines.entries()) {
    const at = left + (i % LEGEND_COLUMNS) * (width / LEGEND_COLUMNS)
    const row = 126 + 22 * Math.floor(i / LEGEND_COLUMNS)
    out.push(line(at, row, at + 16, row, PALETTE[i], '', 'stroke-width="3"'))
    out.push(text(at + 21, row + 4, name, { fill: COLOR.ink, 'font-size': 12 }))
  }
  for (const tick of linearTicks(plot.y.low, plot.y.high, 6)) {
    out.push(line(left, y(tick), right, y(tick), COLOR.grid))
    out.push(text(left - 9, y(tick) + 4, short(tick), { fill: COLOR.muted, 'text-anchor': 'end' }))
  }
  for (const tick of linearTicks(plot.x.low, plot.x.high, 6)) {
    out.push(line(x(tick), bottom, x(tick), bottom + 5, COLOR.line))
    out.push(text(x(tick), bottom + 21, short(tick), muted))
  }
  out.push(text(left + width / 2, bottom + 45, plot.x.label, muted))
  const [besideX, besideY] = [left - 50, (top + bottom) / 2]
  out.push(text(besideX, besideY, plot.y.label, { ...muted, transform: `rotate(-90 ${besideX} ${besideY})` }))
  const clip = `plot-${index}`
  out.push(
    `<clipPath id="${clip}"><rect x="${left}" y="${top}" width="${width}" height="${bottom - top}"/></clipPath>\n`,
    `<g clip-path="url(#${clip})" fill="none" stroke-linejoin="round" stroke-linecap="round">\n`,
  )
  if (plot.surface) out.push(...drawContours(plot.surface, plot, x, y))
  for (const [i, { dots, steps }] of plot.lines.entries()) {
    const points = dots.map((dot) => `${x(dot.x).toFixed(1)} ${y(dot.y).toFixed(1)}`)
    out.push(`<path d="M${points.join('L')}" stroke="${PALETTE[i]}" stroke-width="2.25" stroke-opacity="0.9"/>\n`)
    if (steps) for (const dot of dots) out.push(circle(x(dot.x), y(dot.y), 3.2, PALETTE[i]))
  }
  out.push('</g>\n', line(left, bottom, right, bottom, COLOR.line))
  for (const mark of plot.marks ?? []) {
    out.push(circle(x(mark.x), y(mark.y), 5, COLOR.ink))
    const labelY = y(mark.y) + (mark.below ? 20 : -8)
    out.push(text(x(mark.x) + 9, labelY, mark.label, { fill: COLOR.ink, 'font-weight': 600, ...HALO }))
  }
  return out.join('')
}

/** @param {number} value */
function short(value) {
  return String(Number(value.toFixed(10))).replace('-', '\u2212')
}

/**
 * Lines of equal value, by marching triangles over a grid: each triangle that a level crosses holds a straight piece.
 *
 * @param {(x: number, y: number) => number} f
 * @param {{ x: Range, y: Range }} ranges
 * @param {(value: number) => number} toX
 * @param {(value: number) => number} toY
 */
function drawContours(f, ranges, toX, toY) {
  const n = 44
  const at = (/** @type {Range} */ { low, high }, /** @type {number} */ i) => low + ((high - low) * i) / n
  /** @type {(Dot & { z: number })[][]} */
  const grid = Array.from({ length: n + 1 }, (_, i) =>
    Array.from({ length: n + 1 }, (_, j) => {
      const [x, y] = [at(ranges.x, i), at(ranges.y, j)]
      return { x, y, z: f(x, y) }
    }),
  )
  const values = grid.flat().map(({ z }) => z)
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return Array.from({ length: 14 }, (_, k) => {
    const level = least + (most - least) * ((k + 0.5) / 14) ** 2
    let path = ''
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        const [a, b, c, d] = [grid[i][j], grid[i + 1][j], grid[i + 1][j + 1], grid[i][j + 1]]
        for (const corners of [
          [a, b, c],
          [a, c, d],
        ]) {
          const crossed = corners.flatMap((p, side) => {
            const q = corners[(side + 1) % 3]
            if (p.z < level === q.z < level) return []
            const share = (level - p.z) / (q.z - p.z)
            return [`${toX(p.x + share * (q.x - p.x)).toFixed(1)} ${toY(p.y + share * (q.y - p.y)).toFixed(1)}`]
          })
          if (crossed.length) path += `M${crossed.join('L')}`
        }
      }
    }
    return `<path d="${path}" stroke="#98a2b3" stroke-opacity="${(0.85 - 0.04 * k).toFixed(2)}" stroke-width="1"/>\n`
  })
}

/**
 * @param {number} x
 * @param {number} y
 * @param {string} title
 * @param {string} note
 */
function drawTitle(x, y, title, note) {
  return (
    `<text x="${x}" y="${y}" fill="${COLOR.ink}" font-size="15" font-weight="600">${escape(title)}` +
    `<tspan dx="8" fill="${COLOR.muted}" font-size="12" font-weight="400">${escape(note)}</tspan></text>\n`
  )
}

/**
 * @param {Panel} panel
 * @param {number} index
 * @param {number} steps
 * @param {number} stepsPerEpoch
 */
function drawPanel(panel, index, steps, stepsPerEpoch) {
  const { left, axis, training, smooth, test } = panel
  const { width, top, bottom } = PLOT
  const right = left + width
  const x = (/** @type {number} */ step) => left + (step / steps) * width
  const y = (/** @type {number} */ value) => bottom - axis.place(value) * (bottom - top)
  const path = (/** @type {readonly Dot[]} */ line) =>
    line.map((dot, i) => `${i ? 'L' : 'M'}${x(dot.x).toFixed(1)} ${y(dot.y).toFixed(1)}`).join('')
  const out = []

  out.push(drawTitle(left, top - 30, panel.title, panel.note))
  for (const tick of axis.ticks) {
    out.push(line(left, y(tick), right, y(tick), COLOR.grid))
    out.push(text(left - 9, y(tick) + 4, axis.label(tick), { fill: COLOR.muted, 'text-anchor': 'end' }))
  }
  for (const tick of linearTicks(0, steps, 5, 1)) {
    out.push(line(x(tick), bottom, x(tick), bottom + 5, COLOR.line))
    out.push(text(x(tick), bottom + 21, count(tick), { fill: COLOR.muted, 'text-anchor': 'middle' }))
  }
  const unit = `step (${count(stepsPerEpoch)} in an epoch)`
  out.push(text(left + width / 2, bottom + 45, unit, { fill: COLOR.muted, 'text-anchor': 'middle' }))

  // Epochs: a line where each ends, its number above where there is room for it.
  const epochWidth = (stepsPerEpoch / steps) * width
  const [, every] = linearTicks(0, (6 * 72) / epochWidth, 6, 1)
  const style = { fill: COLOR.muted, 'font-size': 11, 'text-anchor': 'middle' }
  for (let epoch = every; (epoch - 1) * stepsPerEpoch < steps; epoch += every) {
    const from = x((epoch - 1) * stepsPerEpoch)
    const to = Math.min(right, x(epoch * stepsPerEpoch))
    if (to < right) out.push(line(to, top, to, bottom, COLOR.line, '2 4'))
    const at = every === 1 ? (from + to) / 2 : to
    if (every === 1 ? to - from >= 50 : right - to >= 28) out.push(text(at, top - 7, `epoch ${epoch}`, style))
  }
  out.push(line(left, bottom, right, bottom, COLOR.line))

  // Curves. What is off the axis, such as the accuracy of the first steps, is cut off at the frame.
  const clip = `plot-${index}`
  out.push(
    `<clipPath id="${clip}"><rect x="${left}" y="${top}" width="${width}" height="${bottom - top}"/></clipPath>\n`,
    `<g clip-path="url(#${clip})" fill="none" stroke-linejoin="round" stroke-linecap="round">\n`,
  )
  const smoothed = smooth.some((dot, i) => dot.y !== training[i].y)
  if (smoothed) out.push(`<path d="${path(training)}" stroke="${COLOR.training}" stroke-opacity="0.28"/>\n`)
  out.push(`<path d="${path(smooth)}" stroke="${COLOR.training}" stroke-width="2.25"/>\n`)
  out.push(`<path d="${path(test)}" stroke="${COLOR.test}" stroke-width="1.5"/>\n</g>\n`)
  const radius = test.length > 40 ? 2 : 4.5
  // A single training point makes no line: it would not be seen.
  if (smooth.length === 1) out.push(circle(x(smooth[0].x), y(smooth[0].y), 4, COLOR.training))
  for (const dot of test) out.push(circle(x(dot.x), y(dot.y), radius, COLOR.test))

  out.push(...drawLegend(right, smoothed), ...drawEnds(panel, right + 11, y))
  return out.join('')
}

/**
 * The legend, in the row of the panel's title and ending above the right end of its plot.
 *
 * @param {number} right
 * @param {boolean} smoothed
 */
function drawLegend(right, smoothed) {
  const y = PLOT.top - 34
  const out = []
  let x = right - (smoothed ? 208 : 122)
  if (smoothed) {
    out.push(line(x, y, x + 18, y, COLOR.training, '', 'stroke-opacity="0.4" stroke-width="1.5"'))
    out.push(text(x + 23, y + 4, 'training', { fill: COLOR.muted, 'font-size': 12 }))
    x += 80
  }
  out.push(line(x, y, x + 18, y, COLOR.training, '', 'stroke-width="2.25"'))
  out.push(text(x + 23, y + 4, smoothed ? 'smoothed' : 'training', { fill: COLOR.muted, 'font-size': 12 }))
  x += smoothed ? 88 : 80
  out.push(circle(x + 7, y, 4.5, COLOR.test), text(x + 17, y + 4, 'test', { fill: COLOR.muted, 'font-size': 12 }))
  return out
}

/**
 * The last values, right of the plot at their height, moved apart where they would overlap.
 *
 * @param {Panel} panel
 * @param {number} x
 * @param {(value: number) => number} y
 */
function drawEnds({ smooth, test, format }, x, y) {
  const ends = [
    { dot: smooth.at(-1), color: COLOR.training },
    { dot: test.at(-1), color: COLOR.test },
  ]
    .flatMap(({ dot, color }) => (dot ? [{ value: dot.y, at: y(dot.y), color }] : []))
    .sort((a, b) => a.at - b.at)
  const gap = 17
  if (ends.length === 2 && ends[1].at - ends[0].at < gap) {
    const middle = Math.min(PLOT.bottom - gap / 2, Math.max(PLOT.top + gap / 2, (ends[0].at + ends[1].at) / 2))
    ends[0].at = middle - gap / 2
    ends[1].at = middle + gap / 2
  }
  return ends.map(({ value, at, color }) => text(x, at + 4, format(value), { fill: color, 'font-weight': 600 }))
}

/**
 * @param {readonly Point[]} points
 * @param {'loss' | 'accuracy'} key
 * @returns {Dot[]}
 */
function dots(points, key) {
  return points.map((point) => ({ x: point.step, y: point[key] })).filter((dot) => Number.isFinite(dot.y))
}

/**
 * A Gaussian mean over neighbours, narrower towards the start, where a curve is steep and a wide one would blur it.
 * Few points stay as they are.
 *
 * @param {readonly Dot[]} line
 * @returns {readonly Dot[]}
 */
function smooth(line) {
  if (line.length < 40) return line
  return line.map(({ x }, i) => {
    const sigma = Math.min(line.length / 30, i / 4) || 0.1
    const reach = Math.min(Math.ceil(3 * sigma), i)
    let sum = 0
    let weights = 0
    for (let j = i - reach; j <= Math.min(i + reach, line.length - 1); j++) {
      const weight = Math.exp(-((j - i) ** 2) / (2 * sigma ** 2))
      sum += weight * line[j].y
      weights += weight
    }
    return { x, y: sum / weights }
  })
}

/**
 * A logarithmic axis around `values`: a loss falls by orders of magnitude, and its late progress matters.
 *
 * @param {readonly number[]} values
 * @returns {Axis}
 */
function logAxis(values) {
  let low = Math.min(...values.map(log))
  let high = Math.max(...values.map(log))
  if (values.length === 0) [low, high] = [-1, 1]
  const pad = Math.max(0.04 * (high - low), (0.4 - (high - low)) / 2)
  low -= pad
  high += pad
  const place = (/** @type {number} */ value) => (log(value) - low) / (high - low)
  return {
    ticks: logTicks(low, high),
    place,
    label: (tick) => (tick < 1e-3 || tick >= 1e4 ? tick.toExponential(0) : String(tick)),
  }
}

/** Of at least 1e-9: a loss of exactly 0 has no logarithm. @param {number} value */
function log(value) {
  return Math.log10(Math.max(value, 1e-9))
}

/**
 * An axis in percent. It starts where the training curve is after its first steps, or what follows would be a flat line
 * at the top.
 *
 * @param {Pick<Panel, 'training' | 'smooth' | 'test'>} curves
 * @returns {Axis}
 */
function shareAxis({ training, smooth, test }) {
  const sorted = smooth.map((dot) => dot.y).toSorted((a, b) => a - b)
  const start = sorted[Math.floor(sorted.length * 0.06)] ?? 1
  const tested = test.map((dot) => dot.y)
  let high = Math.max(0.02, ...training.map((dot) => dot.y), ...tested)
  let low = Math.min(start, ...tested, high - 0.02)
  const pad = 0.06 * (high - low)
  low = Math.max(0, low - pad)
  high = Math.min(1, high + pad)
  const ticks = linearTicks(low, high, 6)
  const decimals = Math.max(
    0,
    ...ticks.map((tick) => (String(Number((tick * 100).toFixed(6))).split('.')[1] ?? '').length),
  )
  return {
    ticks,
    place: (value) => (value - low) / (high - low),
    label: (tick) => `${(tick * 100).toFixed(decimals)} %`,
  }
}

/** @param {number} value */
function count(value) {
  return value.toLocaleString('en')
}

// ---- rows of images ----

/**
 * The SVG text of rows of images, each row a PNG file `length` times as wide as it is high.
 *
 * @param {{ title: string, subtitle: string, rows: readonly { label: string, length: number, png: Buffer }[] }} sheet
 */
export function drawImages({ title, subtitle, rows }) {
  const side = 84
  const step = side + 32
  const width = 64 + side * Math.max(...rows.map((row) => row.length))
  const out = [frame(Math.ceil(width), 96 + rows.length * step, title, subtitle)]
  for (const [i, { label, length, png }] of rows.entries()) {
    const top = 92 + i * step
    const size = `x="32" y="${top + 20}" width="${(side * length).toFixed(1)}" height="${side}"`
    out.push(text(32, top + 12, label, { fill: COLOR.ink, 'font-size': 12 }))
    out.push(
      `<image ${size} style="image-rendering:pixelated" href="data:image/png;base64,${png.toString('base64')}"/>\n`,
    )
  }
  return `${out.join('')}</svg>\n`
}

// ---- scatter plots ----

const GROUPS = ['#2b6cb0', '#dd6b20', '#2f855a', '#805ad5']

/**
 * The SVG text of scatter plots side by side. Both axes of a plot have the same scale, 0 in the middle, so that its
 * shape can be seen.
 *
 * @param {object} chart
 * @param {string} chart.title
 * @param {string} chart.subtitle
 * @param {readonly string[]} chart.groups names, for the legend
 * @param {readonly { title: string, x: string, y: string, points: readonly (Dot & { group: number })[] }[]} chart.plots
 */
export function drawScatter({ title, subtitle, groups, plots }) {
  const side = 290
  const [left, top, gap] = [66, 140, 66]
  const out = [frame(left + plots.length * (side + gap) - gap + 32, top + side + 66, title, subtitle)]
  for (const [i, plot] of plots.entries()) {
    const from = left + i * (side + gap)
    const reach = 1.08 * Math.max(...plot.points.map((dot) => Math.max(Math.abs(dot.x), Math.abs(dot.y))), 1e-9)
    const x = (/** @type {number} */ value) => from + ((value / reach + 1) * side) / 2
    const y = (/** @type {number} */ value) => top + ((1 - value / reach) * side) / 2
    out.push(text(from, top - 14, plot.title, { fill: COLOR.ink, 'font-size': 15, 'font-weight': 600 }))
    for (const tick of linearTicks(-reach, reach, 6)) {
      const style = { fill: COLOR.muted, 'font-size': 11 }
      out.push(
        line(x(tick), top, x(tick), top + side, COLOR.grid),
        line(from, y(tick), from + side, y(tick), COLOR.grid),
      )
      out.push(text(x(tick), top + side + 18, String(Number(tick.toFixed(6))), { ...style, 'text-anchor': 'middle' }))
      out.push(text(from - 8, y(tick) + 4, String(Number(tick.toFixed(6))), { ...style, 'text-anchor': 'end' }))
    }
    out.push(line(from, y(0), from + side, y(0), COLOR.line), line(x(0), top, x(0), top + side, COLOR.line))
    for (const dot of plot.points) out.push(circle(x(dot.x), y(dot.y), 4, GROUPS[dot.group]))
    out.push(text(from + side / 2, top + side + 40, plot.x, { fill: COLOR.muted, 'text-anchor': 'middle' }))
    const at = `translate(${from - 42} ${top + side / 2}) rotate(-90)`
    out.push(`<g transform="${at}">`, text(0, 0, plot.y, { fill: COLOR.muted, 'text-anchor': 'middle' }), '</g>\n')
  }
  for (const [i, name] of groups.entries()) {
    out.push(circle(left + 6 + 110 * i, 96, 4.5, GROUPS[i]))
    out.push(text(left + 16 + 110 * i, 100, name, { fill: COLOR.muted, 'font-size': 12 }))
  }
  return `${out.join('')}</svg>\n`
}

// ---- histograms ----

/**
 * The SVG text of rows of small histograms, with a line of values below each. The highest bar of each fills
 * its cell, or is cut off if it is far above all others; the ends of the axis are those of its row.
 *
 * @param {object} sheet
 * @param {string} sheet.title
 * @param {string} sheet.subtitle
 * @param {readonly {
 *   label: string,
 *   note: string,
 *   range: string,
 *   cells: readonly { counts: readonly number[], title: string, values: readonly string[] }[],
 * }[]} sheet.rows
 */
export function drawHistograms({ title, subtitle, rows }) {
  const cell = { width: 88, height: 56, gap: 12 }
  const [left, step] = [190, 118]
  const columns = Math.max(...rows.map((row) => row.cells.length))
  const out = [frame(left + columns * (cell.width + cell.gap) + 20, 100 + rows.length * step, title, subtitle)]
  for (const [i, { label, note, range, cells }] of rows.entries()) {
    const top = 104 + i * step
    const bottom = top + cell.height
    out.push(text(32, top + 16, label, { fill: COLOR.ink, 'font-size': 14, 'font-weight': 600 }))
    out.push(text(32, top + 35, note, { fill: COLOR.muted, 'font-size': 12 }))
    out.push(text(32, top + 53, range, { fill: COLOR.muted, 'font-size': 12 }))
    for (const [column, { counts, title: above, values }] of cells.entries()) {
      const x = left + column * (cell.width + cell.gap)
      const bar = cell.width / counts.length
      // The zeros of a ReLU would leave nothing to see of the rest: such a bar is cut off, and marked.
      const [most = 0, second = 0] = counts.toSorted((a, b) => b - a)
      const highest = Math.max(1, most > 2 * second ? Math.max(1.1 * second, most / 16) : most)
      if (i === 0) {
        const style = { fill: COLOR.muted, 'font-size': 12, 'text-anchor': 'middle' }
        out.push(text(x + cell.width / 2, top - 10, above, style))
      }
      const path = counts.map((n, j) => {
        const height = Math.min(1, n / highest) * cell.height
        return n ? `M${(x + j * bar).toFixed(1)} ${bottom}v${(-height).toFixed(1)}h${bar.toFixed(1)}V${bottom}z` : ''
      })
      out.push(
        `<path d="${path.join('')}" fill="${COLOR.training}"/>\n`,
        line(x, bottom, x + cell.width, bottom, COLOR.line),
      )
      if (most > highest) {
        const at = x + counts.indexOf(most) * bar
        out.push(line(at - 3, top + 9, at + bar + 3, top + 5, '#fff', '', 'stroke-width="2.5"'))
      }
      for (const [row, value] of values.entries()) {
        const fill = [COLOR.training, COLOR.test][row] ?? COLOR.muted
        const style = { fill, 'font-size': 11, 'text-anchor': 'middle' }
        out.push(text(x + cell.width / 2, bottom + 16 + 15 * row, value, style))
      }
    }
  }
  return `${out.join('')}</svg>\n`
}
