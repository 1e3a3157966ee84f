// What each choice does: two sentences, and the formula of its docstring.

export interface Lesson {
  readonly title: string
  readonly text: string
  readonly formula?: string
}

/** A number that a layer or an optimizer takes. */
export interface Field {
  readonly name: string
  readonly title: string
  readonly first: number
}

export interface Kind extends Lesson {
  readonly fields: readonly Field[]
}

const field = (name: string, title: string, first: number): Field => ({ name, title, first })

export const LAYER_KINDS: Readonly<Record<string, Kind>> = {
  conv2d: {
    title: 'Convolution',
    text: 'Slides small filters over the picture, the same weights at every place. So it needs few weights, and finds a stroke wherever it is.',
    formula: 'OH = ⌊(H + 2 pad − KH) / stride⌋ + 1',
    fields: [
      field('filters', 'filters', 16),
      field('kernel', 'kernel', 3),
      field('pad', 'pad', 1),
      field('stride', 'stride', 1),
    ],
  },
  dense: {
    title: 'Dense',
    text: 'Every output sees every input with a weight of its own. At the end of a network it turns features into a score for each class.',
    formula: 'y = W x + b',
    fields: [field('units', 'units', 64)],
  },
  relu: {
    title: 'ReLU',
    text: 'Keeps what is above zero and lets its gradient pass whole. Without a nonlinearity between them, two layers are no more than one.',
    formula: 'y = max(0, x)',
    fields: [],
  },
  leakyRelu: {
    title: 'Leaky ReLU',
    text: 'Lets a little through below zero as well. So a unit that is never active still gets a gradient, and cannot die.',
    formula: 'y = x where x > 0, else α x',
    fields: [field('alpha', 'α', 0.01)],
  },
  elu: {
    title: 'ELU',
    text: 'Like ReLU above zero, and smooth below. Its outputs have a mean closer to zero, which helps the layer that follows.',
    formula: 'y = x where x > 0, else α (eˣ − 1)',
    fields: [field('alpha', 'α', 1)],
  },
  selu: {
    title: 'SELU',
    text: 'An ELU with two constants for which signals keep mean 0 and variance 1 from layer to layer. It is meant for deep dense networks without norms.',
    formula: 'y = λ x where x > 0, else λ α (eˣ − 1)',
    fields: [],
  },
  gelu: {
    title: 'GELU',
    text: 'Weighs a value by how large it is among others. It is the smooth ReLU of transformers.',
    formula: 'y = x Φ(x)',
    fields: [],
  },
  silu: {
    title: 'SiLU',
    text: 'A value times its own sigmoid, also called swish. Smooth, and slightly below zero for small negative values.',
    formula: 'y = x σ(x)',
    fields: [],
  },
  sigmoid: {
    title: 'Sigmoid',
    text: 'Squeezes everything into 0 … 1. Where it is flat, hardly any gradient passes, so deep networks of it learn slowly.',
    formula: 'y = 1 / (1 + e⁻ˣ)',
    fields: [],
  },
  tanh: {
    title: 'Tanh',
    text: 'A sigmoid about zero: −1 … 1. It saturates as well, but its outputs are centred, which the next layer likes.',
    formula: 'y = tanh x',
    fields: [],
  },
  maxout: {
    title: 'Maxout',
    text: 'The largest of a few neighbours: a nonlinearity that is learnt. It cannot die, and costs as many times the weights.',
    formula: 'y = max(x₁, …, xₖ)',
    fields: [field('pieces', 'pieces', 2)],
  },
  maxPool2d: {
    title: 'Max pool',
    text: 'Takes the largest of each square. The picture becomes smaller, and small shifts no longer matter.',
    formula: 'y = max over K × K',
    fields: [field('kernel', 'size', 2)],
  },
  avgPool2d: {
    title: 'Average pool',
    text: 'Takes the mean of each square. Softer than the largest: every pixel gets a part of the gradient.',
    formula: 'y = mean over K × K',
    fields: [field('kernel', 'size', 2)],
  },
  globalAvgPool2d: {
    title: 'Global average pool',
    text: 'One number for each channel: its mean over the whole picture. After it a classifier needs very few weights.',
    formula: 'y_c = mean over H × W',
    fields: [],
  },
  batchNorm: {
    title: 'Batch norm',
    text: 'Brings each channel to mean 0 and spread 1 over the batch, then scales and shifts it. Gradients stay healthy, and higher rates work.',
    formula: 'y = γ (x − μ) / √(σ² + ε) + β',
    fields: [field('momentum', 'momentum', 0.9)],
  },
  layerNorm: {
    title: 'Layer norm',
    text: 'Normalises each example over all of its own values. It does not look at the batch, so it does the same in training and after it.',
    formula: 'y = γ (x − μ) / √(σ² + ε) + β, over one example',
    fields: [],
  },
  groupNorm: {
    title: 'Group norm',
    text: 'Normalises groups of channels of each example. It works with small batches, where batch norm has too few rows.',
    formula: 'y = γ (x − μ) / √(σ² + ε) + β, over a group',
    fields: [field('groups', 'groups', 4)],
  },
  dropout: {
    title: 'Dropout',
    text: 'In training each value is kept with this probability, and else 0. No unit can rely on another, so it overfits less.',
    formula: 'y = x · mask / keep',
    fields: [field('keep', 'keep', 0.5)],
  },
  flatten: {
    title: 'Flatten',
    text: 'Makes one long row of numbers of all maps. A dense layer wants that.',
    fields: [],
  },
  softmax: {
    title: 'Softmax',
    text: 'Makes probabilities of scores. The loss already has one: a second one flattens its gradients.',
    formula: 'yᵢ = eˣⁱ / Σ eˣʲ',
    fields: [],
  },
}

export const OPTIMIZER_KINDS: Readonly<Record<string, Kind>> = {
  sgd: {
    title: 'SGD',
    text: 'A small step against the gradient of a batch. It is the base of all others, slow in ravines, and wants a rate of about 0.1.',
    formula: 'x −= rate · dx',
    fields: [],
  },
  momentum: {
    title: 'Momentum',
    text: 'A ball that rolls downhill: steps add up where they agree, and cancel where they do not. With ρ = 0.9 steps become ten times as long.',
    formula: 'v = ρ v + dx;  x −= rate · v',
    fields: [field('rho', 'ρ', 0.9)],
  },
  nesterov: {
    title: 'Nesterov',
    text: 'Momentum that looks where it is about to be. It corrects itself a step earlier, so it overshoots less.',
    formula: 'v′ = ρ v − rate · dx;  x += −ρ v + (1 + ρ) v′',
    fields: [field('rho', 'ρ', 0.9)],
  },
  adagrad: {
    title: 'AdaGrad',
    text: 'Divides each weight’s step by the size of all its gradients so far. Rare features learn faster, but in time every step dies away.',
    formula: 'cache += dx²;  x −= rate · dx / (√cache + ε)',
    fields: [],
  },
  rmsprop: {
    title: 'RMSProp',
    text: 'AdaGrad that forgets: a running mean of squares. So steps do not die away.',
    formula: 'cache = d · cache + (1 − d) dx²;  x −= rate · dx / (√cache + ε)',
    fields: [field('decay', 'decay', 0.99)],
  },
  adam: {
    title: 'Adam',
    text: 'Momentum and RMSProp in one, corrected for their start at zero. It works nearly everywhere with a rate of about 0.001.',
    formula: 'm = β₁ m + (1 − β₁) dx;  v = β₂ v + (1 − β₂) dx²;  x −= rate · m̂ / (√v̂ + ε)',
    fields: [field('beta1', 'β₁', 0.9), field('beta2', 'β₂', 0.999)],
  },
  adamW: {
    title: 'AdamW',
    text: 'Adam that shrinks weights by themselves, apart from the gradient. So Adam does not rescale the decay.',
    formula: 'x −= rate · decay · x, then Adam’s step',
    fields: [field('weightDecay', 'decay', 0.01)],
  },
}

export const INIT_LESSONS: Readonly<Record<string, Lesson>> = {
  '': {
    title: 'each layer’s own',
    text: 'He where a ReLU follows, Xavier elsewhere. The library looks at what comes next.',
  },
  he: {
    title: 'He',
    text: 'As large as keeps the signal’s size through a ReLU, which throws half of it away. The choice for ReLU networks.',
    formula: 'variance 2 / fanIn',
  },
  xavier: {
    title: 'Xavier',
    text: 'Keeps the size of signals forward and of gradients backward about the same. Made for tanh and sigmoid.',
    formula: 'variance 2 / (fanIn + fanOut)',
  },
  orthogonal: {
    title: 'Orthogonal',
    text: 'Rows that are at right angles to each other, so no direction is lost or blown up. Helps very deep networks.',
    formula: 'W Wᵀ = I',
  },
  'normal 0.01': {
    title: 'small: σ = 0.01',
    text: 'Too small for a deep network: the signal dies layer by layer, and with it the gradient. See it in Look inside.',
    formula: 'W ~ N(0, 0.01²)',
  },
  'normal 1': {
    title: 'large: σ = 1',
    text: 'Far too large: signals explode, tanh and sigmoid saturate. The first loss is huge.',
    formula: 'W ~ N(0, 1)',
  },
  zeros: {
    title: 'zeros',
    text: 'All units compute the same and get the same gradient, so they stay the same for ever. Chance has to break the tie.',
    formula: 'W = 0',
  },
  'constant 0.1': {
    title: 'all 0.1',
    text: 'The same fault as zeros: every unit is a copy of its neighbour, and remains one.',
    formula: 'W = 0.1',
  },
}

export const LOSS_LESSONS: Readonly<Record<string, Lesson>> = {
  softmaxCrossEntropy: {
    title: 'Softmax cross-entropy',
    text: 'How surprised the network is by the right answer. With ten classes and no idea it is ln 10 = 2.30.',
    formula: 'ln Σ eᶻʲ − z_label',
  },
  hinge: {
    title: 'Hinge (SVM)',
    text: 'Wants the right score to be larger than all others by a margin. Once it is, the example no longer matters.',
    formula: 'Σ max(0, zⱼ − z_label + 1)',
  },
}

export const SCHEDULE_LESSONS: Readonly<Record<string, Lesson>> = {
  constant: {
    title: 'constant',
    text: 'The same rate all the time. Move the slider as it trains and watch the curve.',
  },
  'cosine over 1,000 steps': {
    title: 'cosine over 1,000 steps',
    text: 'Falls slowly, then fast, then slowly to 0. Large steps first, fine ones in the end.',
    formula: 'rate · (1 + cos(π t / 1000)) / 2',
  },
  'half every 300 steps': {
    title: 'half every 300 steps',
    text: 'Falls in stairs. Each stair lets the loss fall a little more.',
    formula: 'rate · 0.5 ^ ⌊t / 300⌋',
  },
  'exponential, × 0.998 a step': {
    title: 'exponential, × 0.998 a step',
    text: 'A little less with each step. Half of it is left after 346 steps.',
    formula: 'rate · 0.998ᵗ',
  },
  'warm-up of 100 steps': {
    title: 'warm-up of 100 steps',
    text: 'Begins near zero and grows. The first gradients are the wildest, and do no harm that way.',
    formula: 'rate · min(1, (t + 1) / 100)',
  },
}

export const LESSONS = {
  batch: {
    title: 'Batch',
    text: 'How many examples a step looks at. Small batches take noisy steps, large ones smooth but few of them.',
    formula: 'dx = mean over the batch',
  },
  seed: {
    title: 'Seed',
    text: 'The same seed gives the same first weights, the same order, the same bits on every machine. Another one shows how much is luck.',
  },
  l2: {
    title: 'L2',
    text: 'Pulls every weight towards zero, the large ones most. The network must spread what it knows, and overfits less.',
    formula: 'loss + ½ λ ‖w‖²',
  },
  l1: {
    title: 'L1',
    text: 'Pulls every weight towards zero with the same force. Many become zero: a sparse network.',
    formula: 'loss + λ ‖w‖₁',
  },
  clipNorm: {
    title: 'Clip the gradient',
    text: 'Where the gradient as a whole is longer than this, it is scaled down. One wild batch cannot throw the network off.',
    formula: 'dx · min(1, limit / ‖dx‖)',
  },
  scale: {
    title: 'Inputs',
    text: 'Networks like inputs of about 1. Pixels as bytes, 0 … 255, make the first activations, and so the steps, far too large.',
    formula: 'x / 255,  or (x − mean) / std',
  },
  init: { title: 'First weights', text: '' },
  move: {
    title: 'Move',
    text: 'Shifts each picture by up to so many pixels. The network sees a new picture each time, so it cannot learn them by heart.',
  },
  turn: { title: 'Turn', text: 'Turns each picture by up to so many degrees. Too far, and a 6 becomes a 9.' },
  cutout: {
    title: 'Cut out',
    text: 'Covers a square of this size at a random place. The network must not rely on one spot.',
  },
} satisfies Record<string, Lesson>
