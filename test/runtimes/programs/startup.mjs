// Node: milliseconds from before the import to the end of the first training step of the CNN of examples/mnist.js, on
// the clock and of the processor.
const start = performance.now()
const before = process.cpuUsage()
const { createImages, createMnist } = await import('./mnist.mjs')
const model = await createMnist('float64')
const { x, y } = createImages(64)
model.trainStep(x, y)
const { user, system } = process.cpuUsage(before)
console.log(JSON.stringify({ clock: performance.now() - start, processor: (user + system) / 1000 }))
