// Run by tests as `node --expose-gc test/support/allocations.js BACKEND [THREADS]`: prints as JSON what training steps
// allocate. With threads images are larger, so that calls are worth splitting.
import {
  adam,
  batchNorm,
  conv2d,
  cosineDecay,
  createModel,
  createRandom,
  dense,
  flatten,
  maxPool2d,
  relu,
  residual,
  sequential,
  softmaxCrossEntropy,
} from 'v128'

const [, , backend, wanted = '1'] = process.argv
const threads = Number(wanted)
const STEPS = 300
const [size, batch] = threads > 1 ? [28, 32] : [8, 8]

const model = await createModel(
  sequential(
    conv2d(4, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    residual(sequential(conv2d(4, { kernel: 3, pad: 1 }), relu())),
    flatten(),
    dense(5),
  ),
  {
    input: [1, size, size],
    batch,
    threads,
    seed: 1,
    l2: 1e-4,
    clipNorm: 1,
    backend: /** @type {'wasm' | 'js'} */ (backend),
    loss: softmaxCrossEntropy(),
    optimizer: adam({ learningRate: cosineDecay({ initial: 1e-3, total: 10000, per: 'step' }) }),
  },
)
const random = createRandom(3)
const x = Float64Array.from({ length: batch * size ** 2 }, () => random.normal())
const y = Uint8Array.from({ length: batch }, () => random.integer(5))
const views = [model.input, model.output, ...Object.values(model.parameters), ...Object.values(model.gradients)]
const buffers = views.map(({ data }) => data.buffer)

// Compiled code allocates nothing; the interpreter that runs before it boxes numbers.
for (let i = 0; i < (threads > 1 ? 400 : 2000); i++) model.trainStep(x, y)

// Every view or buffer made from here on is counted.
let constructed = 0
const globals = /** @type {any} */ (globalThis)
for (const name of ['ArrayBuffer', 'Float64Array', 'Float32Array', 'Int32Array', 'Uint8Array', 'Uint32Array']) {
  globals[name] = new Proxy(globals[name], {
    construct(target, args) {
      constructed++
      return Reflect.construct(target, args)
    },
  })
}
const arrayBuffers = process.memoryUsage().arrayBuffers
let last = 0
let least = Infinity
// The least of several windows: code that is not optimised yet boxes more numbers, and the compiler, which works beside,
// allocates in some of them; what a step itself allocates is there in all.
for (let window = 0; window < 100 && least > 500; window++) {
  globals.gc()
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < STEPS; i++) last = model.trainStep(x, y)
  least = Math.min(least, (process.memoryUsage().heapUsed - before) / STEPS)
}
console.log(
  JSON.stringify({
    threads: model.threads,
    steps: STEPS,
    heapBytesPerStep: least,
    arrayBufferBytes: process.memoryUsage().arrayBuffers - arrayBuffers,
    constructed,
    sameBuffers: views.every(({ data }, i) => data.buffer === buffers[i] && data.length > 0),
    finite: Number.isFinite(last),
  }),
)
