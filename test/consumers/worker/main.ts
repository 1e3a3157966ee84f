// A worker for workerd that learns the operation asked for, ?truth=0110, and answers with what it learnt.
import { adam, createModel, dense, relu, sequential, softmaxCrossEntropy } from 'v128'

const x = [0, 0, 0, 1, 1, 0, 1, 1]

export default {
  async fetch(request: Request): Promise<Response> {
    const truth = new URL(request.url).searchParams.get('truth') ?? ''
    if (!/^[01]{4}$/.test(truth)) return new Response('ask for ?truth=0110\n', { status: 400 })
    const model = await createModel(sequential(dense(8), relu(), dense(2)), {
      input: [2],
      batch: 4,
      loss: softmaxCrossEntropy(),
      optimizer: adam({ learningRate: 0.05 }),
      seed: 1,
    })
    const y = Array.from(truth, Number)
    await model.fit({ x, y }, { epochs: 100 })
    const { loss, accuracy } = model.evaluate({ x, y })
    return new Response(`${model.backend}: loss ${loss}, accuracy ${accuracy}\n`)
  },
}
