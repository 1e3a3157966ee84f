// Run by closing.test.ts as `node --expose-gc test/support/closed.js BACKEND`: prints how many MiB outside the heap are
// left of five models of 60 MiB each that are closed, but still referenced.
import { createModel, dense, meanSquaredError, sgd } from 'v128'

const [, , backend] = process.argv
const MiB = 2 ** 20
const external = () => {
  const { external, arrayBuffers } = process.memoryUsage()
  return Math.max(external, arrayBuffers)
}
const before = external()
const models = []
for (let i = 0; i < 5; i++) {
  const model = await createModel(dense(1000), {
    input: [3900],
    batch: 1,
    backend: /** @type {'wasm' | 'js'} */ (backend),
    loss: meanSquaredError(),
    optimizer: sgd({ learningRate: 0.1 }),
  })
  model.trainStep(new Float64Array(3900), new Float64Array(1000))
  model.forward(new Float64Array(3900))
  models.push(model)
}
const open = external() - before
for (const model of models) model.close()
for (let i = 0; i < 4; i++) {
  await new Promise((resolve) => setTimeout(resolve, 20))
  globalThis.gc?.()
}
console.log(JSON.stringify({ models: models.length, open: open / MiB, closed: (external() - before) / MiB }))
