// node examples/schedules.js [file]: the learning rate over the epochs under each schedule, as a picture.
//
//     epoch                         0        5       10       30       59
//     time                    0.10000  0.06667  0.05000  0.02500  0.01449
//     exponential             0.10000  0.07738  0.05987  0.02146  0.00485
//     step                    0.10000  0.10000  0.10000  0.02500  0.01250
//     linear                  0.10000  0.09167  0.08333  0.05000  0.00167
//     inverse root            0.10000  0.04082  0.03015  0.01796  0.01291
//     cosine                  0.10000  0.09830  0.09330  0.05000  0.00007
//     warm-up, cosine         0.01000  0.06000  0.10000  0.06545  0.00010
//     warm-up, inverse root   0.01000  0.06000  0.10000  0.02182  0.01414
//     warm-up, on plateau     0.01000  0.06000  0.10000  0.02500  0.00625
//     runs/schedules.svg

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  cosineDecay,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  reduceOnPlateau,
  stepDecay,
  timeDecay,
  warmup,
} from 'v128'
import { drawPlots } from './chart.js'

const EPOCHS = 60
const initial = 0.1

/** @type {Record<string, import('v128').Schedule>} */
const decays = {
  time: timeDecay({ initial, decayRate: 0.1 }),
  exponential: exponentialDecay({ initial, decayRate: 0.95 }),
  step: stepDecay({ initial, drop: 0.5, every: 15 }),
  linear: linearDecay({ initial }),
  'inverse root': inverseSqrtDecay({ initial }),
  cosine: cosineDecay({ initial }),
}
/** @type {Record<string, import('v128').Schedule>} */
const warmed = {
  cosine: warmup(10, decays.cosine),
  'inverse root': warmup(10, decays['inverse root']),
  'on plateau': warmup(10, reduceOnPlateau({ initial, factor: 0.5, patience: 6 })),
}

/** A validation loss that falls until epoch 12, rests, and falls again from 30 to 42. @param {number} epoch */
const loss = (epoch) => 1 + Math.max(0, 12 - epoch) + Math.max(0, Math.min(12, 42 - epoch))

/**
 * What fit does: asks for the rate of each epoch, and shows the schedule the loss at its end.
 *
 * @param {import('v128').Schedule} schedule
 */
function ratesOf(schedule) {
  const state = Float64Array.from(schedule.initialState ?? [])
  return Array.from({ length: EPOCHS }, (_, epoch) => {
    const rate = schedule(epoch, EPOCHS, state)
    schedule.observe?.(epoch, loss(epoch), state)
    return rate
  })
}

const SHOWN = [0, 5, 10, 30, 59]
console.log(`${'epoch'.padEnd(22)}${SHOWN.map((epoch) => String(epoch).padStart(9)).join('')}`)
const [left, right] = [decays, warmed].map((schedules, warm) =>
  Object.entries(schedules).map(([name, schedule]) => {
    const rates = ratesOf(schedule)
    console.log(
      `${warm ? 'warm-up, ' : ''}${name}`.padEnd(22) +
        SHOWN.map((epoch) => rates[epoch].toFixed(5).padStart(9)).join(''),
    )
    return { name, dots: rates.map((y, x) => ({ x, y })) }
  }),
)

const file = process.argv[2] ?? 'runs/schedules.svg'
const x = { label: 'epoch', low: 0, high: EPOCHS }
const y = { label: 'learning rate', low: 0, high: 0.105 }
const picture = drawPlots({
  title: 'Learning rates over a run of 60 epochs',
  subtitle: 'all from 0.1; linear and cosine decay end with the run',
  plots: [
    { title: 'Decay', note: 'from the first epoch on', x, y, lines: left },
    { title: 'Warm-up of 10 epochs', note: 'then the decay, from its own start', x, y, lines: right },
  ],
})
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, picture)
console.log(file)
