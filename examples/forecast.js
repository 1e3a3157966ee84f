// node examples/forecast.js [file]: the carbon dioxide in the air over Mauna Loa, a series with a season, a year ahead: four
// networks that learnt from the months up to 2004, and the plain guess of last year's months and a year's rise.
//
//     441 windows of 36 months to learn from, 173 from 2005 on to forecast
//     last year       0 parameters  mean error 0.599 ppm, of squares 0.755
//     linear        444 parameters  mean error 0.571 ppm, of squares 0.728
//     dense        7308 parameters  mean error 0.545 ppm, of squares 0.704
//     conv1d       8860 parameters  mean error 0.631 ppm, of squares 0.831
//     gru          3756 parameters  mean error 0.593 ppm, of squares 0.767
//     runs/forecast.svg

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
// @ts-expect-error: it comes without types.
import cliProgress from 'cli-progress'
import {
  adam,
  conv1d,
  cosineDecay,
  createModel,
  dense,
  flatten,
  gru,
  meanSquaredError,
  regressionReport,
  relu,
  reshape,
  sequential,
} from 'v128'
import { drawPlots } from './chart.js'

/** Months that a network sees, and months ahead. */
const [PAST, AHEAD] = [36, 12]
const FIRST_TEST_YEAR = 2005
const EPOCHS = 200

const file = process.argv[2] ?? 'runs/forecast.svg'
const months = readMonths()
const windows = months.slice(0, months.length - PAST - AHEAD + 1).map((_, i) => i)
/** Whose months ahead are all before the years of the test; and from then on. */
const training = windows.filter((i) => months[i + PAST + AHEAD - 1].year < FIRST_TEST_YEAR)
const test = windows.filter((i) => months[i + PAST].year >= FIRST_TEST_YEAR)

/** What networks see and say: how far each month is from the last one seen, in parts of 5 ppm. */
const SCALE = 5
const ppm = (/** @type {number} */ i) => months[i].ppm
const data = (/** @type {number[]} */ some) => ({
  x: Float64Array.from(
    some.flatMap((i) => Array.from({ length: PAST }, (_, t) => (ppm(i + t) - ppm(i + PAST - 1)) / SCALE)),
  ),
  y: Float64Array.from(
    some.flatMap((i) => Array.from({ length: AHEAD }, (_, t) => (ppm(i + PAST + t) - ppm(i + PAST - 1)) / SCALE)),
  ),
})

const NETWORKS = {
  linear: () => dense(AHEAD),
  dense: () => sequential(dense(64), relu(), dense(64), relu(), dense(AHEAD)),
  conv1d: () =>
    sequential(
      reshape([1, PAST]),
      conv1d(16, { kernel: 7, pad: 'causal' }),
      relu(),
      conv1d(16, { kernel: 7, pad: 'causal', dilation: 2 }),
      relu(),
      flatten(),
      dense(AHEAD),
    ),
  gru: () => sequential(reshape([PAST, 1]), gru(32), dense(AHEAD)),
}

/** Of each, what it says of the year ahead, in ppm, for each window of the test. @type {Record<string, number[][]>} */
const forecasts = {
  'last year': test.map((i) =>
    Array.from({ length: AHEAD }, (_, t) => ppm(i + PAST + t - 12) + ppm(i + PAST - 1) - ppm(i + PAST - 13)),
  ),
}
const seen = data(training)
const bar = new cliProgress.SingleBar({
  format: '{name} {bar} {percentage} % | {rate} windows/s | {eta} s left | loss {loss}',
  clearOnComplete: true,
})
console.log(
  `${training.length} windows of ${PAST} months to learn from, ${test.length} from ${FIRST_TEST_YEAR} on to forecast`,
)
print('last year', 0)
for (const [name, network] of Object.entries(NETWORKS)) {
  const model = await createModel(network(), {
    input: [PAST],
    batch: 32,
    loss: meanSquaredError(),
    optimizer: adam({ learningRate: cosineDecay({ initial: 3e-3 }) }),
    seed: 1,
  })
  const began = performance.now()
  bar.start(EPOCHS, 0, { name: name.padEnd(9), rate: 0, loss: '' })
  await model.fit(seen, {
    epochs: EPOCHS,
    onEpoch: ({ epoch, loss }) => {
      const rate = Math.round(((epoch + 1) * training.length * 1000) / (performance.now() - began))
      bar.update(epoch + 1, { rate, loss: loss.toFixed(4) })
    },
  })
  bar.stop()
  const said = model.predict(data(test).x).data
  forecasts[name] = test.map((i, k) =>
    Array.from({ length: AHEAD }, (_, t) => said[k * AHEAD + t] * SCALE + ppm(i + PAST - 1)),
  )
  print(
    name,
    Object.values(model.parameters).reduce((sum, { data }) => sum + data.length, 0),
  )
  model.close()
}

// Each calendar year from its Januaries on; and the error by how far ahead.
const januaries = test.filter((i) => months[i + PAST].month === 1).slice(-4)
const at = (/** @type {number} */ i) => months[i].year + (months[i].month - 0.5) / 12
const from = januaries[0] + PAST
const shown = months.slice(from - 6).map((_, k) => k + from - 6)
mkdirSync(dirname(file), { recursive: true })
writeFileSync(
  file,
  drawPlots({
    title: 'Carbon dioxide a year ahead',
    subtitle: `Mauna Loa, monthly; learnt from the months before ${FIRST_TEST_YEAR}; each year is forecast in one piece at its start`,
    plots: [
      {
        title: 'The last four years',
        note: 'ppm',
        x: range(shown.map(at), 'year'),
        y: range(shown.map(ppm), 'ppm'),
        lines: [
          { name: 'measured', dots: shown.map((i) => ({ x: at(i), y: ppm(i) })) },
          ...['linear', 'gru'].map((name) => ({
            name,
            dots: januaries.flatMap((i) =>
              forecasts[name][test.indexOf(i)].map((y, t) => ({ x: at(i + PAST + t), y })),
            ),
          })),
        ],
      },
      {
        title: 'Error by months ahead',
        note: 'mean of all windows of the test, ppm',
        x: { low: 1, high: AHEAD, label: 'months ahead' },
        y: { low: 0, high: 1.6, label: 'ppm' },
        lines: Object.entries(forecasts).map(([name, all]) => ({
          name,
          dots: Array.from({ length: AHEAD }, (_, t) => ({ x: t + 1, y: errorOf(all, t) })),
        })),
      },
    ],
  }),
)
console.log(file)

/** The mean error so many months ahead, in ppm. @param {number[][]} all @param {number} t */
function errorOf(all, t) {
  return test.reduce((sum, i, k) => sum + Math.abs(all[k][t] - ppm(i + PAST + t)), 0) / test.length
}

/** @param {string} name @param {number} parameters */
function print(name, parameters) {
  const all = forecasts[name].flat()
  const measured = test.flatMap((i) => Array.from({ length: AHEAD }, (_, t) => ppm(i + PAST + t)))
  const { meanAbsoluteError, rootMeanSquaredError } = regressionReport(all, measured)
  const error = `mean error ${meanAbsoluteError.toFixed(3)} ppm, of squares ${rootMeanSquaredError.toFixed(3)}`
  console.log(`${name.padEnd(10)} ${String(parameters).padStart(6)} parameters  ${error}`)
}

/** @param {number[]} values @param {string} label */
function range(values, label) {
  return { low: Math.floor(Math.min(...values)), high: Math.ceil(Math.max(...values)), label }
}

/** The months of the series, from the package vega-datasets (NOAA and Scripps), since none is missing. */
function readMonths() {
  const entry = createRequire(import.meta.url).resolve('vega-datasets')
  const csv = join(entry.slice(0, entry.lastIndexOf('vega-datasets')), 'vega-datasets/data/co2-concentration.csv')
  const lines = readFileSync(csv, 'utf8').trim().split('\n').slice(1)
  const all = lines.map((line) => {
    const [date, ppm] = line.split(',')
    const [year, month] = date.split('-').map(Number)
    return { year, month, ppm: Number(ppm) }
  })
  const monthsOf = (/** @type {number} */ i) => 12 * all[i].year + all[i].month
  return all.slice(all.findLastIndex((_, i) => i > 0 && monthsOf(i) !== monthsOf(i - 1) + 1))
}
