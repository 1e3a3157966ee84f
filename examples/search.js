// node examples/search.js [folder]: searches learning rate, momentum and width of a small network on MNIST, from coarse
// to fine, on two worker threads. Ctrl-C stops; the same command goes on.
//

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
// @ts-expect-error: it comes without types.
import cliProgress from 'cli-progress'
import { integer, logUniform, oneMinusLogUniform, search, searchPicture, searchTable } from 'v128/node'

export const space = {
  learningRate: logUniform(1e-4, 1),
  rho: oneMinusLogUniform(0.5, 0.999),
  units: integer(8, 64),
}

const folder = process.argv[2] ?? 'runs/search'
mkdirSync(folder, { recursive: true })
const controller = new AbortController()
process.once('SIGINT', () => controller.abort())

const bar = new cliProgress.SingleBar(
  { format: '{bar} {value}/{total} trials  best loss {best}  {rate} trials a minute  {left} s left', hideCursor: true },
  cliProgress.Presets.shades_classic,
)
const result = await search({
  space,
  worker: new URL('search-trial.js', import.meta.url),
  workers: 2,
  trials: 48,
  rounds: 3,
  seed: 1,
  earlyStopping: { rule: 'median', grace: 2 },
  file: join(folder, 'search.jsonl'),
  signal: controller.signal,
  onProgress({ done, total, latest, best, trialsPerMinute, secondsLeft }) {
    const figures = {
      best: best?.score.toFixed(4) ?? '-',
      rate: trialsPerMinute ? trialsPerMinute.toFixed(0) : '-',
      left: trialsPerMinute ? secondsLeft.toFixed(0) : '-',
    }
    if (latest) bar.update(done, figures)
    else bar.start(total, done, figures)
  },
}).finally(() => bar.stop())

console.log(searchTable(result, { limit: 8 }))
for (const { space } of result.rounds) {
  const ranges = Object.entries(space).map(([name, { low, high }]) => `${name} ${short(low)} to ${short(high)}`)
  console.log(`round of ${ranges.join(', ')}`)
}
const file = join(folder, 'search.svg')
writeFileSync(
  file,
  searchPicture(result, { title: 'A small network on 1,600 images of MNIST', score: 'validation loss' }),
)
console.log(file)
if (result.aborted) console.log('stopped early; the same command goes on')

/** @param {number} value */
function short(value) {
  return String(Number(value.toPrecision(3)))
}
