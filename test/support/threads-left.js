// Run by threads.test.ts as `node --expose-gc test/support/threads-left.js`: makes models of three threads, of which it
// drops every one but closes some, and prints how many threads of the process that took, and how many are left.
import { readdirSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { createModel, dense, sgd, softmaxCrossEntropy } from 'v128'

/** Threads of this process, where the system says; V8 has some of its own. */
const count = () => readdirSync('/proc/self/task').length

const make = () =>
  createModel(dense(3), {
    input: [4],
    batch: 4,
    threads: 3,
    loss: softmaxCrossEntropy(),
    optimizer: sgd({ learningRate: 0.1 }),
  })
const collect = async () => {
  for (let i = 0; i < 20; i++) {
    await setTimeout(20)
    globalThis.gc?.()
  }
}

await (await createModel(dense(3), { input: [4] })).close()
await collect()
const before = count()
let most = 0
for (let i = 0; i < 1000; i++) {
  const model = await make()
  model.trainStep(new Float64Array(16), [0, 1, 2, 0])
  most = Math.max(most, count() - before)
  if (i % 3 === 0) model.close()
  // WebAssembly memories take addresses until they are collected.
  if (i % 50 === 0) {
    await setTimeout(1)
    globalThis.gc?.()
  }
}
await collect()
const left = count() - before
const models = await Promise.all([make(), make()])
for (const model of models) model.close()
await setTimeout(300)
const afterClosed = count() - before
// One that is left open when the process ends.
await make()
console.log(JSON.stringify({ models: 1000, most, left, afterClosed }))
