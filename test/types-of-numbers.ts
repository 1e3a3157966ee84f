// What the types say of the numbers of a model, and of the options that came with them: checked by `npm run typecheck`.
import {
  type DType,
  type Model,
  adam,
  cosineDecay,
  createModel,
  dense,
  encodeSafetensors,
  softmaxCrossEntropy,
} from '../src/entries/index'
import { standardize } from '../src/entries/data'

const network = dense(3)
const input = [4]
const loss = softmaxCrossEntropy()
const optimizer = adam({ learningRate: 0.1 })
const [x, y] = [new Float32Array(4), [0]]

export async function numbers(): Promise<void> {
  const double = await createModel(network, { input, loss, optimizer })
  const single = await createModel(network, { input, loss, optimizer, dtype: 'float32' })
  // The precision of a model is that of its views and of what it predicts.
  double.parameters.weight.data satisfies Float64Array
  double.predict(x).data satisfies Float64Array
  single.parameters.weight.data satisfies Float32Array
  single.gradients.weight.data satisfies Float32Array
  single.forward(x).data satisfies Float32Array
  single.backward(x).data satisfies Float32Array
  single.predict(x).data satisfies Float32Array
  single.dtype satisfies 'float32'
  // @ts-expect-error
  single.output.data satisfies Float64Array
  // @ts-expect-error
  double.output.data satisfies Float32Array
  const either: DType = Math.random() < 0.5 ? 'float64' : 'float32'
  const some = await createModel(network, { input, dtype: either })
  some.predict(x).data satisfies Float64Array | Float32Array
  const all: Model<never>[] = [double, single, some]
  all.forEach((model) => model.close())

  // A view of either kind can be mapped and summed.
  double.step(() => {
    const { data } = double.forward(x)
    double.backward(data.map((value) => value - 1))
    return data.reduce((sum, value) => sum + 0.5 * (value - 1) ** 2, 0)
  })

  // Bytes go into a Blob, a Response, a file.
  void new Blob([double.save(), encodeSafetensors({}), standardize([1, 2], { shape: [1] }).save()])
  double.save({ allowNonFinite: true })
  // @ts-expect-error
  double.save({ force: true })

  double.learningRate = 0.01
  double.learningRate = cosineDecay({ initial: 0.1 })
  // @ts-expect-error
  double.learningRate = '0.1'

  double.predict(x, { probabilities: true })
  // @ts-expect-error
  double.predict(x, { probability: true })

  const history = await double.fit(
    { x, y },
    { epochs: Infinity, dropLast: true, validation: false, onBatch: ({ batchLoss }) => batchLoss > 1 },
  )
  history.stopped satisfies 'end' | 'signal' | 'callback' | 'earlyStopping' | 'diverged'
  history.diverged?.text satisfies string | undefined
  // @ts-expect-error
  await double.fit({ x, y, sampleWeight: x })
}
