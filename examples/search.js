// node examples/search.js [file]: searches learning rate, momentum and width of a small network on MNIST, from coarse to
// fine, on two worker threads. Ctrl-C stops it; the same command goes on. Then one run, watched, from a rate that is far
// too low.
//
//     rank  trial   score  status  learningRate     rho  units  seconds
//        1     39  0.2740  done        0.001764  0.9737     43      1.2
//        2     42  0.2750  done        0.001114  0.9765     44      1.5
//        3     36  0.2809  done        0.001192   0.974     51      1.3
//        4     40  0.2826  done        0.001369  0.9699     48      1.2
//        5     33  0.2832  done        0.001766  0.9715     58      1.4
//        6     46  0.2878  done        0.001148   0.977     51      2.6
//     and 42 more
//     round 1: learningRate 0.0001 to 1, rho 0.5 to 0.999, units 8 to 64
//     round 2: learningRate 0.000347 to 0.00179, rho 0.949 to 0.979, units 36 to 59
//     round 3: learningRate 0.0011 to 0.00179, rho 0.96 to 0.977, units 42 to 59
//     runs/search.svg
//     one run from a rate of 0.0001, watched
//       epoch  2: raise to 0.0002; 2 new bests in a row: loss 2.271 in training, 2.253 after it, best 2.300
//       epoch  4: raise to 0.0004; 2 new bests in a row: loss 2.079 in training, 2.007 after it, best 2.139
//       epoch  6: raise to 0.0008; 2 new bests in a row: loss 1.523 in training, 1.330 after it, best 1.681
//       epoch  8: raise to 0.0016; 2 new bests in a row: loss 0.7339 in training, 0.6527 after it, best 0.8580
//       epoch 10: raise to 0.0032; 2 new bests in a row: loss 0.4298 in training, 0.3827 after it, best 0.4866
//       epoch 12: raise to 0.0064; 2 new bests in a row: loss 0.2988 in training, 0.3411 after it, best 0.3746
//       epoch 16: raise to 0.0128; 2 new bests in a row: loss 0.09287 in training, 0.2898 after it, best 0.2986
//       epoch 17: undo to 0.0064; the higher rate does not help: loss 0.07449 in training, 0.3813 after it, best 0.2898
//       best loss 0.2699, after epoch 20

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
// @ts-expect-error: it comes without types.
import cliProgress from 'cli-progress'
import { panda, search, searchPicture, searchTable } from 'v128/node'
import { create, space, training, validation } from './search-trial.js'

const picture = process.argv[2] ?? 'runs/search.svg'
const file = picture.replace(/(\.svg)?$/, '.jsonl')
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
  file,
  signal: controller.signal,
  onProgress({ done, total, latest, best, trialsPerMinute, secondsLeft }) {
    const figures = {
      best: best?.score.toFixed(4) ?? '-',
      rate: latest ? trialsPerMinute.toFixed(0) : '-',
      left: latest ? secondsLeft.toFixed(0) : '-',
    }
    if (latest) bar.update(done, figures)
    else bar.start(total, done, figures)
  },
}).finally(() => bar.stop())

console.log(searchTable(result, { limit: 6 }))
for (const [i, { space }] of result.rounds.entries()) {
  const ranges = Object.entries(space).map(([name, { low, high }]) => `${name} ${short(low)} to ${short(high)}`)
  console.log(`round ${i + 1}: ${ranges.join(', ')}`)
}
if (result.aborted || !result.best) {
  console.log('stopped early; the same command goes on')
  process.exit(130)
}
// A search that is done is not needed any more; the next is a new one.
rmSync(file)
mkdirSync(dirname(picture), { recursive: true })
writeFileSync(picture, searchPicture(result, { title: 'A small network on MNIST', score: 'validation loss' }))
console.log(picture)

const { parameters, seed } = result.best
const { decisions, bestLoss, bestEpoch } = await panda(
  (learningRate) => create({ ...parameters, learningRate }, seed),
  training,
  { validation, learningRate: 1e-4, epochs: 20 },
)
console.log('one run from a rate of 0.0001, watched')
for (const { epoch, action, to, reason } of decisions) {
  console.log(`  epoch ${String(epoch + 1).padStart(2)}: ${action} to ${short(to)}; ${reason}`)
}
console.log(`  best loss ${bestLoss.toPrecision(4)}, after epoch ${bestEpoch + 1}`)

/** @param {number} value */
function short(value) {
  return String(Number(value.toPrecision(3)))
}
