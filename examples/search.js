// node examples/search.js [file]: searches learning rate, momentum and width of a small network on MNIST, from coarse to
// fine, on two worker threads. Ctrl-C stops it; the same command goes on. Then one run, watched, from a rate that is far
// too low.
//
//     rank  trial   score  status  learningRate     rho  units  seconds
//        1     33  0.2280  done        0.001754  0.9739     57      1.0
//        2     28  0.2539  done        0.001260  0.9762     46      1.0
//        3     38  0.2605  done        0.001239  0.9693     58      0.8
//        4     35  0.2627  done        0.001257   0.973     49      0.9
//        5     32  0.2636  done       0.0009985  0.9779     43      0.7
//        6     42  0.2701  done       0.0008675  0.9778     39      0.4
//     and 42 more
//     round 1: learningRate 0.0001 to 1, rho 0.5 to 0.999, units 8 to 64
//     round 2: learningRate 0.000347 to 0.00179, rho 0.949 to 0.979, units 36 to 59
//     round 3: learningRate 0.000849 to 0.00179, rho 0.965 to 0.979, units 37 to 59
//     runs/search.svg
//     one run from a rate of 0.0001, watched
//       epoch  2: raise to 0.0002; 2 new bests in a row: loss 2.361 in training, 2.028 after it, best 2.545
//       epoch  4: raise to 0.0004; 2 new bests in a row: loss 1.320 in training, 1.088 after it, best 1.448
//       epoch  6: raise to 0.0008; 2 new bests in a row: loss 0.6585 in training, 0.5320 after it, best 0.6896
//       epoch  8: raise to 0.0016; 2 new bests in a row: loss 0.3941 in training, 0.3537 after it, best 0.4066
//       epoch 10: raise to 0.0032; 2 new bests in a row: loss 0.2576 in training, 0.2710 after it, best 0.3100
//       epoch 12: raise to 0.0064; 2 new bests in a row: loss 0.1449 in training, 0.2559 after it, best 0.2604
//       epoch 14: raise to 0.0128; 2 new bests in a row: loss 0.06379 in training, 0.2436 after it, best 0.2504
//       epoch 15: undo to 0.0064; the higher rate does not help: loss 0.04698 in training, 0.2824 after it, best 0.2436
//       epoch 17: lower to 0.00192; no new best in 2 epochs: loss 0.03530 in training, 0.2443 after it, best 0.2436
//       epoch 19: raise to 0.00384; 2 new bests in a row: loss 0.03601 in training, 0.2347 after it, best 0.2411
//       epoch 20: undo to 0.00192; the higher rate does not help: loss 0.03188 in training, 0.2410 after it, best 0.2347
//       best loss 0.2347, after epoch 19

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
// @ts-expect-error: it comes without types.
import cliProgress from 'cli-progress'
import { integer, logUniform, oneMinusLogUniform, panda, search, searchPicture, searchTable } from 'v128/node'
import { create, training, validation } from './search-trial.js'

export const space = {
  learningRate: logUniform(1e-4, 1),
  rho: oneMinusLogUniform(0.5, 0.999),
  units: integer(8, 64),
}

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
