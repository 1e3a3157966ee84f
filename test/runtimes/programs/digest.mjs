// The program that must end with the same bits everywhere: 100 steps of a CNN with batch norm, dropout, Adam and a
// cosine schedule, from a seed; then a hash of every parameter and buffer.

import {
  adam,
  batchNorm,
  conv2d,
  cosineDecay,
  createModel,
  createRandom,
  dense,
  dropout,
  flatten,
  gelu,
  maxPool2d,
  prelu,
  relu,
  sequential,
  softmaxCrossEntropy,
} from 'v128'

const BATCH = 8
export const BATCHES = 20
export const EPOCHS = 5

/** Two channels of noise, 8x8, and in one of four corners, which is the label, a brighter spot. */
export function createData() {
  const random = createRandom(7)
  const y = Uint8Array.from({ length: BATCH * BATCHES }, () => random.integer(4))
  const x = Float64Array.from({ length: y.length * 128 }, () => random.normal())
  y.forEach((label, i) => {
    for (const corner of [0, 1, 8, 9]) x[i * 128 + corner + 4 * (label & 1) + 32 * (label >> 1)] += 1.5
  })
  return { x, y }
}

export const network = () =>
  sequential(
    conv2d(8, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    conv2d(16, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    flatten(),
    dropout({ keep: 0.8 }),
    dense(4),
  )

/** FNV-1a of 64 bits over names and bytes (crypto.subtle is not there on every page), as 16 digits. */
function hash(tensors) {
  let value = 0xcbf29ce484222325n
  const add = (byte) => {
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n)
  }
  for (const [name, { data }] of Object.entries(tensors)) {
    new TextEncoder().encode(name).forEach(add)
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength).forEach(add)
  }
  return value.toString(16).padStart(16, '0')
}

export const settings = () => ({
  input: [2, 8, 8],
  batch: BATCH,
  loss: softmaxCrossEntropy(),
  optimizer: adam({ learningRate: cosineDecay({ initial: 0.01, per: 'step' }) }),
  seed: 1,
})

/** With `options` of createModel: dtype, backend, wasm. */
export function create(options) {
  return createModel(network(), { ...settings(), ...options })
}

export const digestOf = ({ parameters, buffers }) => hash({ ...parameters, ...buffers })

/**
 * Trains with `options` of `create` and returns { backend, dtype, threads, digest, more, ms }: of a step, the mean of the last
 * half.
 * `settle` is awaited before the clock is read, for hosts where time stands still in between.
 */
export async function train(options, settle) {
  const model = await create(options)
  let half = 0
  let end = 0
  const history = await model.fit(createData(), {
    epochs: EPOCHS,
    async onBatch({ epoch, batch }) {
      const step = epoch * BATCHES + batch
      if (step !== (EPOCHS * BATCHES) / 2 && step !== EPOCHS * BATCHES) return
      await settle?.()
      half = end
      end = performance.now()
    },
  })
  const { backend, dtype, threads } = model
  const ms = (end - half) / ((EPOCHS * BATCHES) / 2)
  const more = await trainMore(options)
  return { backend, dtype, threads, digest: digestOf(model), more, loss: history.loss.at(-1), ms }
}

/** The digest of some steps of a network whose kernels are in both groups. */
async function trainMore(options) {
  const network = sequential(flatten(), dense(12), gelu(), dense(9), prelu(), dense(4))
  const optimizer = adam({ learningRate: 0.01 })
  const model = await createModel(network, { ...settings(), optimizer, ...options })
  const { x, y } = createData()
  for (let i = 0; i < BATCHES; i++) {
    model.trainStep(x.subarray(i * BATCH * 128, (i + 1) * BATCH * 128), y.subarray(i * BATCH, (i + 1) * BATCH))
  }
  return digestOf(model)
}

/** Both precisions on each backend, and what the library said meanwhile. */
export async function trainAll({ backends = ['wasm', 'js'], settle } = {}) {
  const warnings = []
  const warn = console.warn
  console.warn = (...words) => warnings.push(words.join(' '))
  try {
    const rows = []
    for (const backend of backends) {
      for (const dtype of ['float64', 'float32']) rows.push(await train({ backend, dtype }, settle))
    }
    return { rows, warnings }
  } finally {
    console.warn = warn
  }
}
