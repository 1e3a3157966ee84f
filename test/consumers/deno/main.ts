// A script for Deno that learns where a line crosses: deno run main.ts, no flag.
import { createModel, createRandom, dense, meanSquaredError, momentum, sequential } from 'npm:v128'

const random = createRandom(1)
const x = Float64Array.from({ length: 100 }, () => random.uniform())
const y = x.map((value) => 3 * value - 1 + 0.1 * random.normal())

const model = await createModel(sequential(dense(1)), {
  input: [1],
  batch: 10,
  loss: meanSquaredError(),
  optimizer: momentum({ learningRate: 0.1 }),
  seed: 1,
})
await model.fit({ x, y }, { epochs: 50 })
const [slope] = model.parameters['0.weight'].data
const [offset] = model.parameters['0.bias'].data
console.log(`${model.backend}: ${slope} x + ${offset}`)
