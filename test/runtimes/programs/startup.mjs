// Node: milliseconds from before the import to the end of the first training step of the CNN of examples/mnist.js, on
// the clock and of the processor.
const start = performance.now()
const before = process.cpuUsage()
const v128 = await import('v128')
const { batchNorm, conv2d, dense, flatten, maxPool2d, normalize, relu, sequential } = v128
const model = await v128.createModel(
  sequential(
    normalize({ mean: 33.3184, std: 78.5675 }),
    conv2d(16, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    conv2d(32, { kernel: 3, pad: 1 }),
    batchNorm(),
    relu(),
    maxPool2d(2),
    flatten(),
    dense(10),
  ),
  {
    input: [1, 28, 28],
    batch: 64,
    loss: v128.softmaxCrossEntropy(),
    optimizer: v128.adam({ learningRate: 1e-3 }),
    seed: 1,
  },
)
const images = Uint8Array.from({ length: 64 * 784 }, (_, i) => (i * 7) % 256)
const labels = Uint8Array.from({ length: 64 }, (_, i) => i % 10)
model.trainStep(images, labels)
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ clock: performance.now() - start, processor: (user + system) / 1000 }))
