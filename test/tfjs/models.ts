// Models of TensorFlow.js that between them have all the settings that fromTfjs reads.
import { layers } from './tensorflow'

export type Model = layers.LayersModel
const L = layers.layers

/** A chain of layers on an input of that shape; what follows a layer without weights is a head, so that all is trained. */
function chain(inputShape: number[], ...made: ((args: object) => unknown)[]): Model {
  const model = layers.sequential()
  made.forEach((make, i) => model.add(make(i ? {} : { inputShape }) as never))
  return model
}

/** How each class of TensorFlow.js is used: models that between them have all the settings that are read. */
const IMAGE = [7, 6, 3]
const HEAD = [(a: object) => L.flatten(a as never), () => L.dense({ units: 4 })]
export const CASES: Record<string, () => Model> = {
  'Dense of vectors': () =>
    chain(
      [5],
      (a) => L.dense({ ...a, units: 4, activation: 'relu' }),
      () => L.dense({ units: 3, useBias: false, activation: 'softmax' }),
    ),
  'Dense of sequences and images': () =>
    chain(
      IMAGE,
      (a) => L.dense({ ...a, units: 4, activation: 'sigmoid' }),
      () => L.reshape({ targetShape: [42, 4] }),
      () => L.dense({ units: 3 }),
      ...HEAD,
    ),
  'Conv2D, same at stride 2 of even and odd sizes': () =>
    chain(
      IMAGE,
      (a) => L.conv2d({ ...a, filters: 4, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' }),
      () => L.conv2d({ filters: 5, kernelSize: [2, 3], padding: 'same' }),
      ...HEAD,
    ),
  'Conv2D, dilated, out of the network': () =>
    chain(IMAGE, (a) =>
      L.conv2d({ ...a, filters: 4, kernelSize: 2, dilationRate: 2, useBias: false, activation: 'tanh' }),
    ),
  DepthwiseConv2D: () =>
    chain(
      IMAGE,
      (a) =>
        L.depthwiseConv2d({
          ...a,
          kernelSize: 3,
          depthMultiplier: 2,
          strides: 2,
          padding: 'same',
          activation: 'relu6' as never,
        }),
      ...HEAD,
    ),
  SeparableConv2D: () =>
    chain(
      IMAGE,
      (a) =>
        L.separableConv2d({ ...a, filters: 5, kernelSize: 3, depthMultiplier: 2, padding: 'same', activation: 'elu' }),
      ...HEAD,
    ),
  'Conv2DTranspose, valid, of a kernel larger and smaller than its stride': () =>
    chain(
      [3, 4, 2],
      (a) => L.conv2dTranspose({ ...a, filters: 3, kernelSize: 3, strides: 2 }),
      () => L.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 3 }),
    ),
  'Conv2DTranspose, same': () =>
    chain(
      [3, 4, 2],
      (a) => L.conv2dTranspose({ ...a, filters: 3, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' }),
      () => L.conv2dTranspose({ filters: 2, kernelSize: 4, strides: 2, padding: 'same' }),
      () => L.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 3, padding: 'same', useBias: false }),
      ...HEAD,
    ),
  'Conv1D and pools of sequences': () =>
    chain(
      [9, 3],
      (a) => L.conv1d({ ...a, filters: 4, kernelSize: 3, padding: 'same', strides: 2, activation: 'relu' }),
      () => L.maxPooling1d({ poolSize: 2, strides: 1 }),
      () => L.conv1d({ filters: 4, kernelSize: 2 }),
      () => L.averagePooling1d({ poolSize: 2, strides: 1, padding: 'same' }),
      ...HEAD,
    ),
  'pools of images': () =>
    chain(
      IMAGE,
      (a) => L.maxPooling2d({ ...a, poolSize: 3, strides: 2, padding: 'same' }),
      () => L.averagePooling2d({ poolSize: [2, 3], strides: 1, padding: 'same' }),
      () => L.conv2d({ filters: 3, kernelSize: 2 }),
      () => L.averagePooling2d({ poolSize: 2, strides: 1 }),
    ),
  'global pools': () => {
    const x = layers.input({ shape: IMAGE })
    const s = L.reshape({ targetShape: [21, 6] }).apply(x) as layers.SymbolicTensor
    const all = [
      L.globalAveragePooling2d({}).apply(x),
      L.globalMaxPooling2d({}).apply(x),
      L.globalAveragePooling1d().apply(s),
      L.globalMaxPooling1d().apply(s),
    ]
    return layers.model({
      inputs: x,
      outputs: L.dense({ units: 3 }).apply(L.concatenate().apply(all as never)) as never,
    })
  },
  'BatchNormalization of vectors, images, sequences, behind flatten': () =>
    chain(
      IMAGE,
      (a) => L.batchNormalization(a as never),
      () => L.conv2d({ filters: 4, kernelSize: 2 }),
      () => L.batchNormalization({ scale: false, momentum: 0.8 }),
      () => L.flatten(),
      () => L.batchNormalization({ center: false, epsilon: 0.01 }),
      () => L.dense({ units: 6 }),
      () => L.reshape({ targetShape: [2, 3] }),
      () => L.batchNormalization(),
    ),
  LayerNormalization: () =>
    chain(
      [4, 3, 2],
      (a) => L.layerNormalization({ ...a, axis: [1, 2, 3] }),
      () => L.layerNormalization(),
      () => L.conv2d({ filters: 4, kernelSize: 2 }),
      () => L.flatten(),
      () => L.layerNormalization({ epsilon: 0.01 }),
      () => L.dense({ units: 6 }),
      () => L.reshape({ targetShape: [2, 3] }),
      () => L.layerNormalization(),
    ),
  'activations of their own': () =>
    chain(
      IMAGE,
      (a) => L.leakyReLU(a as never),
      () => L.elu(),
      () => L.prelu({ sharedAxes: [1, 2] }),
      () => L.conv2d({ filters: 4, kernelSize: 2 }),
      () => L.activation({ activation: 'softmax' }),
      () => L.flatten(),
      () => L.prelu(),
      () => L.dense({ units: 7 }),
      () => L.reLU({ maxValue: 0.5 }),
      () => L.prelu({ sharedAxes: [1] }),
      () => L.dense({ units: 3 }),
      () => L.softmax({ axis: -1 }),
    ),
  ThresholdedReLU: () => chain([4], (a) => L.thresholdedReLU({ ...a, theta: 0 })),
  'activations by name': () =>
    chain(
      [4],
      ...[
        'linear',
        'relu',
        'relu6',
        'elu',
        'selu',
        'sigmoid',
        'tanh',
        'softplus',
        'swish',
        'hardSigmoid',
        'softmax',
      ].flatMap((activation) => [
        (a: object) => L.dense({ ...a, units: 5 }),
        () => L.activation({ activation: activation as never }),
      ]),
    ),
  'hard sigmoid of images and of sequences': () =>
    chain(
      IMAGE,
      (a) => L.activation({ ...a, activation: 'hardSigmoid' }),
      () => L.reshape({ targetShape: [21, 6] }),
      () => L.activation({ activation: 'hardSigmoid' }),
    ),
  'Flatten, Reshape, Permute, RepeatVector, Dropout': () =>
    chain(
      [2, 3, 4],
      (a) => L.conv2d({ ...a, filters: 4, kernelSize: 1 }),
      () => L.permute({ dims: [2, 3, 1] }),
      () => L.reshape({ targetShape: [6, 4] }),
      () => L.permute({ dims: [2, 1] }),
      () => L.flatten(),
      () => L.dropout({ rate: 0.3 }),
      () => L.dense({ units: 5 }),
      () => L.repeatVector({ n: 3 }),
      () => L.dense({ units: 2 }),
      () => L.flatten(),
    ),
  'Flatten of images into what is no dense layer': () =>
    chain(
      IMAGE,
      (a) => L.conv2d({ ...a, filters: 2, kernelSize: 3 }),
      () => L.flatten(),
      () => L.activation({ activation: 'tanh' }),
    ),
  'Flatten of images into shapes': () =>
    chain(
      IMAGE,
      (a) => L.conv2d({ ...a, filters: 2, kernelSize: 3 }),
      () => L.flatten(),
      () => L.reshape({ targetShape: [8, 5] }),
    ),
  'ZeroPadding2D, Cropping2D, UpSampling2D': () =>
    chain(
      IMAGE,
      (a) =>
        L.zeroPadding2d({
          ...a,
          padding: [
            [1, 2],
            [0, 3],
          ],
        }),
      () => L.conv2d({ filters: 2, kernelSize: 3 }),
      () =>
        L.cropping2D({
          cropping: [
            [1, 0],
            [0, 2],
          ],
        }),
      () => L.upSampling2d({ size: [2, 3] }),
      ...HEAD,
    ),
  Rescaling: () =>
    chain(
      IMAGE,
      (a) => L.rescaling({ ...a, scale: 1 / 127.5, offset: -1 } as never),
      () => L.conv2d({ filters: 2, kernelSize: 3 }),
      ...HEAD,
    ),
  'Rescaling of vectors and sequences': () =>
    chain(
      [6],
      (a) => L.rescaling({ ...a, scale: 3, offset: 0.5 } as never),
      () => L.reshape({ targetShape: [2, 3] }),
      () => L.rescaling({ scale: 0.25, offset: -2 } as never),
    ),
  'noise that is left out': () =>
    chain(
      [6, 4],
      (a) => L.gaussianNoise({ ...a, stddev: 0.1 }),
      () => L.spatialDropout1d({ rate: 0.3 } as never),
      () => L.gaussianDropout({ rate: 0.2 }),
      () => L.dense({ units: 3 }),
      () => L.alphaDropout({ rate: 0.2 }),
    ),
  'LSTM of both kinds': () =>
    chain(
      [5, 3],
      (a) => L.lstm({ ...a, units: 4, returnSequences: true, recurrentActivation: 'sigmoid' }),
      () => L.lstm({ units: 3, recurrentActivation: 'sigmoid', unitForgetBias: true }),
      () => L.dense({ units: 2 }),
    ),
  'LSTM without a bias': () =>
    chain([5, 3], (a) => L.lstm({ ...a, units: 4, useBias: false, recurrentActivation: 'sigmoid' })),
  SimpleRNN: () =>
    chain(
      [5, 3],
      (a) => L.simpleRNN({ ...a, units: 4, returnSequences: true }),
      () => L.simpleRNN({ units: 3, activation: 'relu' }),
    ),
  'Bidirectional, concat': () =>
    chain(
      [5, 3],
      (a) =>
        L.bidirectional({
          ...a,
          layer: L.lstm({ units: 4, returnSequences: true, recurrentActivation: 'sigmoid' }) as never,
          mergeMode: 'concat',
        }),
      () => L.bidirectional({ layer: L.simpleRNN({ units: 3 }) as never, mergeMode: 'concat' }),
      () => L.dense({ units: 2 }),
    ),
  'Bidirectional, sum, mul and ave': () =>
    chain(
      [5, 3],
      ...(['sum', 'mul', 'ave'] as const).map(
        (mergeMode) => (a: object) =>
          L.bidirectional({ ...a, layer: L.simpleRNN({ units: 4, returnSequences: true }) as never, mergeMode }),
      ),
    ),
  TimeDistributed: () =>
    chain(
      [5, 3],
      (a) => L.timeDistributed({ ...a, layer: L.dense({ units: 4, activation: 'relu' }) }),
      () => L.simpleRNN({ units: 4 }),
    ),
  'joins of images': () => {
    const x = layers.input({ shape: IMAGE })
    const conv = () => L.conv2d({ filters: 4, kernelSize: 3, padding: 'same' }).apply(x) as layers.SymbolicTensor
    const [a, b, c] = [conv(), conv(), conv()]
    const joined = [
      L.add(),
      L.multiply(),
      L.average(),
      L.maximum(),
      L.concatenate(),
      L.concatenate({ axis: 1 }),
      L.concatenate({ axis: 2 }),
    ].map((layer) => layer.apply([a, b, c]) as layers.SymbolicTensor)
    return layers.model({ inputs: x, outputs: joined })
  },
  'joins of sequences and of vectors': () => {
    const x = layers.input({ shape: [6, 4] })
    const conv = () => L.conv1d({ filters: 4, kernelSize: 3, padding: 'same' }).apply(x) as layers.SymbolicTensor
    const [a, b, c] = [conv(), L.dense({ units: 4 }).apply(x) as layers.SymbolicTensor, conv()]
    const flat = [a, b].map((one) => L.flatten().apply(one) as layers.SymbolicTensor)
    const joined = [L.add(), L.average(), L.maximum(), L.concatenate(), L.concatenate({ axis: 1 })].map(
      (layer) => layer.apply([a, b, c]) as layers.SymbolicTensor,
    )
    const vectors = [L.multiply(), L.maximum(), L.concatenate()].map(
      (layer) => layer.apply(flat) as layers.SymbolicTensor,
    )
    return layers.model({
      inputs: x,
      outputs: [...joined, ...vectors, L.dense({ units: 2 }).apply(L.average().apply(flat)) as layers.SymbolicTensor],
    })
  },
  'squeeze and excitation': () => {
    const x = layers.input({ shape: IMAGE })
    const seen = L.conv2d({ filters: 4, kernelSize: 3, activation: 'swish' as never }).apply(x) as layers.SymbolicTensor
    const mean = L.reshape({ targetShape: [1, 1, 4] }).apply(L.globalAveragePooling2d({}).apply(seen))
    const gate = L.conv2d({ filters: 4, kernelSize: 1, activation: 'sigmoid' }).apply(mean) as layers.SymbolicTensor
    return layers.model({
      inputs: x,
      outputs: L.dense({ units: 3 }).apply(L.flatten().apply(L.multiply().apply([seen, gate]))) as never,
    })
  },
  'several inputs, weights used twice, several outputs': () => {
    const [a, b] = [layers.input({ shape: [4, 4, 2], name: 'left' }), layers.input({ shape: [4, 4, 2], name: 'right' })]
    const eye = layers.sequential({
      layers: [
        L.conv2d({ filters: 3, kernelSize: 2, inputShape: [4, 4, 2] }),
        L.flatten(),
        L.dense({ units: 4, activation: 'tanh' }),
      ],
    })
    const [seenA, seenB] = [eye.apply(a), eye.apply(b)] as layers.SymbolicTensor[]
    const both = L.concatenate().apply([seenA, seenB])
    const shared = L.dense({ units: 4 })
    const twice = shared.apply(shared.apply(seenA)) as layers.SymbolicTensor
    return layers.model({
      inputs: [a, b],
      outputs: [L.dense({ units: 2, name: 'same' }).apply(both) as layers.SymbolicTensor, twice],
    })
  },
  'models within models within models': () => {
    const inner = layers.sequential({
      layers: [L.conv2d({ filters: 3, kernelSize: 2, inputShape: [4, 4, 2] }), L.batchNormalization()],
    })
    const x = layers.input({ shape: [4, 4, 2] })
    const middle = layers.model({ inputs: x, outputs: L.flatten().apply(inner.apply(x)) as never })
    return layers.sequential({ layers: [middle, L.dense({ units: 3, activation: 'softmax' })] })
  },
}

/** Of whole numbers below 9. */
export const IDS: Record<string, () => Model> = {
  'Embedding, LSTM': () =>
    chain(
      [6],
      () => L.embedding({ inputDim: 9, outputDim: 4, inputLength: 6 }),
      () => L.lstm({ units: 3, recurrentActivation: 'sigmoid' }),
      () => L.dense({ units: 2 }),
    ),
  'Embedding, GlobalAveragePooling1D': () =>
    chain(
      [6],
      () => L.embedding({ inputDim: 9, outputDim: 4, inputLength: 6 }),
      () => L.conv1d({ filters: 3, kernelSize: 2 }),
      () => L.globalAveragePooling1d(),
      () => L.dense({ units: 2 }),
    ),
}
