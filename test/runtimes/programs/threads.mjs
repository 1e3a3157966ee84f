// The training of digest.mjs on three threads, and that of a network large enough for each to get work: the bits of one
// thread, in both precisions; how many shares of calls the other threads computed; what the library said meanwhile.
import { conv2d, createModel, dense, flatten, relu, sequential, sgd, softmaxCrossEntropy } from 'v128'
import { createData, digestOf, train } from './digest.mjs'

const DTYPES = ['float64', 'float32']
const STEPS = 6
const BATCH = 16

/** Calls of milliseconds. */
const createLarge = (dtype, threads) =>
  createModel(sequential(conv2d(16, { kernel: 3, pad: 1 }), relu(), conv2d(16, { kernel: 3 }), flatten(), dense(4)), {
    input: [2, 24, 24],
    batch: BATCH,
    loss: softmaxCrossEntropy(),
    optimizer: sgd({ learningRate: 0.01 }),
    seed: 1,
    dtype,
    threads,
  })

/**
 * Counts the shares of calls that are handed out, and those that this thread takes, while `work` runs: both go through the
 * first word of the memory that the threads share. Returns how many others took.
 */
async function sharesOfOthers(work) {
  const { store, compareExchange } = Atomics
  let shares = 0
  Atomics.store = (words, at, value) => {
    if (at === 0) shares += value & 255
    return store(words, at, value)
  }
  Atomics.compareExchange = (words, at, expected, value) => {
    const found = compareExchange(words, at, expected, value)
    if (at === 0 && found === expected) shares--
    return found
  }
  try {
    await work()
    return shares
  } finally {
    Object.assign(Atomics, { store, compareExchange })
  }
}

async function trainLarge(dtype, threads) {
  const model = await createLarge(dtype, threads)
  const { x, y } = createData()
  const inputs = Float64Array.from({ length: BATCH * 1152 }, (_, i) => x[i % x.length])
  const others = await sharesOfOthers(async () => {
    for (let step = 0; step < STEPS; step++) model.trainStep(inputs, y.subarray(0, BATCH))
  })
  const result = { threads: model.threads, digest: digestOf(model), others }
  model.close()
  return result
}

/**
 * A row for each precision; and how many threads 'auto' takes for the large network. Of the models that train some are
 * closed and some are not.
 */
export async function trainOnThreads({ threads = 3, settle } = {}) {
  const warnings = []
  const { warn } = console
  console.warn = (...words) => warnings.push(words.join(' '))
  try {
    const rows = []
    for (const dtype of DTYPES) {
      const { digest, backend, ...small } = await train({ dtype, threads }, settle)
      const [one, several] = [await trainLarge(dtype, 1), await trainLarge(dtype, threads)]
      const same = one.digest === several.digest
      rows.push({ dtype, backend, digest, threads: [small.threads, several.threads], same, others: several.others })
    }
    const { threads: auto } = await createLarge('float64', 'auto')
    return { rows, auto, warnings }
  } finally {
    console.warn = warn
  }
}
