// All that decides a training: plain data, so that it fits into a link, a file and a program.

/** A layer as the library describes it. */
export interface LayerSpec {
  kind: string
  config: Record<string, unknown>
}

export interface OptimizerSpec {
  kind: string
  learningRate: number
  /** What else it takes, such as `momentum`. */
  options?: Record<string, number>
}

export interface Setting {
  /** Which data set. */
  data: string
  /** What is done with its numbers first. */
  scale: 'unit' | 'standard' | 'raw'
  layers: LayerSpec[]
  /** Of all layers that have weights; '' leaves each its own. */
  init: string
  loss: 'softmaxCrossEntropy' | 'hinge'
  optimizer: OptimizerSpec
  schedule: string
  batch: number
  seed: number
  l2: number
  l1: number
  clipNorm: number
  /** Of pictures: by how many pixels they move, by how many degrees they turn, how large a hole they get. */
  augment: { move: number; turn: number; cutout: number }
}

const layer = (kind: string, config: Record<string, unknown> = {}): LayerSpec => ({ kind, config })

/** Networks to begin with. */
export const NETWORKS: Record<string, { title: string; layers: () => LayerSpec[] }> = {
  small: {
    title: 'A small CNN',
    layers: () => [
      layer('conv2d', { filters: 8, kernel: 5, pad: 2 }),
      layer('relu'),
      layer('maxPool2d', { kernel: 2 }),
      layer('conv2d', { filters: 16, kernel: 3, pad: 1 }),
      layer('relu'),
      layer('maxPool2d', { kernel: 2 }),
      layer('flatten'),
      layer('dense', { units: 10 }),
    ],
  },
  norm: {
    title: 'With batch norm (the README’s)',
    layers: () => [
      layer('conv2d', { filters: 16, kernel: 3, pad: 1 }),
      layer('batchNorm'),
      layer('relu'),
      layer('maxPool2d', { kernel: 2 }),
      layer('conv2d', { filters: 32, kernel: 3, pad: 1 }),
      layer('batchNorm'),
      layer('relu'),
      layer('maxPool2d', { kernel: 2 }),
      layer('flatten'),
      layer('dense', { units: 10 }),
    ],
  },
  lenet: {
    title: 'LeNet-5',
    layers: () => [
      layer('conv2d', { filters: 6, kernel: 5, pad: 2 }),
      layer('tanh'),
      layer('avgPool2d', { kernel: 2 }),
      layer('conv2d', { filters: 16, kernel: 5 }),
      layer('tanh'),
      layer('avgPool2d', { kernel: 2 }),
      layer('flatten'),
      layer('dense', { units: 120 }),
      layer('tanh'),
      layer('dense', { units: 84 }),
      layer('tanh'),
      layer('dense', { units: 10 }),
    ],
  },
  dense: {
    title: 'Two dense layers',
    layers: () => [layer('flatten'), layer('dense', { units: 64 }), layer('relu'), layer('dense', { units: 10 })],
  },
  linear: {
    title: 'Softmax regression',
    layers: () => [layer('flatten'), layer('dense', { units: 10 })],
  },
}

/** For points of the plane and tables. */
export const pointLayers = (classes: number, units = 32): LayerSpec[] => [
  layer('dense', { units }),
  layer('relu'),
  layer('dense', { units }),
  layer('relu'),
  layer('dense', { units: classes }),
]

/** What the page opens with. */
export function firstSetting(): Setting {
  return {
    data: 'mnist',
    scale: 'unit',
    layers: NETWORKS.small.layers(),
    init: '',
    loss: 'softmaxCrossEntropy',
    optimizer: { kind: 'adam', learningRate: 0.002 },
    schedule: 'constant',
    batch: 64,
    seed: 1,
    l2: 0,
    l1: 0,
    clipNorm: 0,
    augment: { move: 0, turn: 0, cutout: 0 },
  }
}

/** The same for points of the plane, with so many classes. */
export function pointSetting(data: string, classes: number): Setting {
  return {
    ...firstSetting(),
    data,
    layers: pointLayers(classes),
    optimizer: { kind: 'adam', learningRate: 0.01 },
    batch: 32,
  }
}
