// Run by ends.test.ts as `node --expose-gc test/support/dropped.js CASE`: what a model in a worker does to its process.
import { dense, meanSquaredError, sgd } from 'v128'
import { createWorkerModel } from 'v128/worker'

const create = () =>
  createWorkerModel(dense(1), {
    input: [1],
    batch: 4,
    loss: meanSquaredError(),
    optimizer: sgd({ learningRate: 0.01 }),
  })
const data = { x: [1, 2, 3, 4], y: [1, 2, 3, 4] }
const wait = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms))
const threads = () => process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length

/** @type {Record<string, () => Promise<unknown>>} */
const cases = {
  /** Ends though the worker is there. */
  async idle() {
    const model = await create()
    await model.fit(data)
    globalThis.addEventListener?.('never', () => model)
    console.log('idle')
  },
  /** Ends only when the run has ended, though nobody waits for it. */
  async busy() {
    const model = await create()
    void model.fit(data, { steps: 2000 }).then(({ steps }) => console.log(`${steps} steps`))
  },
  /** The workers of models that nobody holds end; that of one in flight does not. */
  async dropped() {
    const ends = []
    const { Worker } = await import('node:worker_threads')
    const script = new URL('../../dist/v128-worker.node.js', import.meta.url)
    let held = 0
    const one = async (/** @type {boolean} */ runs) => {
      const model = await createWorkerModel(dense(1), {
        input: [1],
        batch: 4,
        loss: meanSquaredError(),
        optimizer: sgd({ learningRate: 0.01 }),
        worker() {
          const worker = new Worker(script)
          held++
          worker.on('exit', () => held--)
          return worker
        },
      })
      return runs ? model.fit(data, { epochs: 1e9, signal: AbortSignal.timeout(3000) }) : model.fit(data)
    }
    const last = one(true)
    for (let i = 0; i < 3; i++) ends.push(await one(false))
    for (let i = 0; i < 40 && held > 1; i++) {
      globalThis.gc?.()
      await wait(50)
    }
    const left = held
    const { stopped } = await last
    console.log(JSON.stringify({ left, stopped, ends: ends.length }))
  },
  /** A call that nobody waits for, in a process that ends by itself. */
  async exit() {
    const model = await create()
    void model.fit(data, { epochs: Infinity })
    console.log(`exit ${threads() >= 0}`)
    process.exit(3)
  },
}
await cases[process.argv[2]]()
