// Run by threads.test.ts as `node --expose-gc test/support/threads-memory.js`: prints how many MiB the process grows by
// while models of 30 MiB and two threads are made, used and closed or dropped beside one that lives, and what is left.
import { setTimeout } from 'node:timers/promises'
import { createModel, dense, meanSquaredError, sgd } from 'v128'

const make = (inputs = 2000) =>
  createModel(dense(1000), {
    input: [inputs],
    batch: 1,
    threads: 2,
    loss: meanSquaredError(),
    optimizer: sgd({ learningRate: 0.1 }),
  })
const collect = async () => {
  for (let i = 0; i < 5; i++) {
    await setTimeout(20)
    globalThis.gc?.()
  }
}

const kept = await make(10)
await collect()
const before = process.memoryUsage().rss
const grown = () => (process.memoryUsage().rss - before) / 2 ** 20
let most = 0
for (let i = 0; i < 24; i++) {
  const model = await make()
  model.trainStep(new Float64Array(2000), new Float64Array(1000))
  most = Math.max(most, grown())
  if (i % 2) model.close()
  if (i % 4 === 3) await collect()
}
await collect()
await setTimeout(500)
await collect()
kept.trainStep(new Float64Array(10), new Float64Array(1000))
console.log(JSON.stringify({ most, left: grown(), threads: kept.threads }))
