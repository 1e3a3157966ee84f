// A page, bundled by Vite, that learns to tell two rings apart.
import { adam, createModel, createRandom, dense, relu, sequential, softmaxCrossEntropy } from 'v128'

const random = createRandom(1)
const x = new Float64Array(400)
const y = new Uint8Array(200)
for (let i = 0; i < 200; i++) {
  const [a, b] = [random.normal(), random.normal()]
  const label = i % 2
  const radius = (1 + label + 0.1 * random.normal()) / Math.sqrt(a * a + b * b)
  x.set([radius * a, radius * b], 2 * i)
  y[i] = label
}

const model = await createModel(sequential(dense(16), relu(), dense(2)), {
  input: [2],
  batch: 20,
  loss: softmaxCrossEntropy(),
  optimizer: adam({ learningRate: 0.01 }),
  seed: 1,
})
await model.fit({ x, y }, { epochs: 30 })
const { loss, accuracy } = model.evaluate({ x, y })
document.querySelector('output')!.textContent = `${model.backend}: loss ${loss}, accuracy ${accuracy}`
