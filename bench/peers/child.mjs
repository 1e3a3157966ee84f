// A JavaScript peer's side of the run: serve() times each task of the command line and says so, one line of JSON each.

import { writeSync } from 'node:fs'
import { Bench } from 'tinybench'

/**
 * Median time of a call in milliseconds, warmed up first: V8's first tiers are several times slower. A first call slower
 * than `slow` is followed by one sample only; one slower than `slower` is the sample itself.
 */
async function measure(run, { time, slow, slower }) {
  const samples = async (options) => {
    const bench = new Bench({ warmup: false, throws: true, ...options })
    // Saying whether it is asynchronous spares the call by which tinybench would find out.
    bench.add('', run, { async: run.constructor.name === 'AsyncFunction' })
    await bench.run()
    const { latency } = bench.tasks[0].result
    return { ms: latency.p50, samples: latency.samplesCount }
  }
  const first = await samples({ time: 0, iterations: 1 })
  if (first.ms > slower) return first
  if (first.ms > slow) return samples({ time: 0, iterations: 1 })
  return samples({ time, iterations: 3, warmup: true, warmupTime: time / 2, warmupIterations: 1 })
}

const message = (error) => (typeof error === 'number' ? 'threw a number, no message' : String(error?.message || error))

/**
 * `load(options)` resolves to `{ version, notes, tasks }`: notes by kind of task, and for each kind a function that sets
 * a task up and returns (or resolves to) the call to time. What throws is the peer's answer to that task.
 */
export async function serve(load) {
  const { tasks, limits, ...options } = JSON.parse(process.argv[2])
  const say = (line) => writeSync(1, `\n${JSON.stringify(line)}\n`)
  try {
    const peer = await load(options)
    say({ version: peer.version, notes: peer.notes ?? {} })
    for (const task of tasks) {
      say({ start: task.id })
      try {
        const run = await peer.tasks[task.kind]?.(task)
        say({ task: task.id, ...(run ? await measure(run, limits) : {}), losses: run?.losses })
      } catch (error) {
        say({ task: task.id, error: message(error) })
      }
    }
  } catch (error) {
    say({ failed: message(error) })
  }
  process.exit(0)
}

export const product = (shape) => shape.reduce((a, b) => a * b, 1)

/** The same values from -1 to 1 for everyone; pytorch.py has the same. */
export function values(count, Type = Float32Array, scale = 1) {
  const data = new Type(count)
  let state = 1
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    data[i] = (scale * state) / 2 ** 31
  }
  return data
}

/** Labels from 0 to limit - 1. */
export const labels = (count, limit) => Array.from({ length: count }, (_, i) => (i * 7) % limit)

/** Parameters of the MNIST network by their names in PyTorch, [shape, values], the same for everyone. */
export function mnistParameters(Type = Float32Array) {
  const parameter = (shape, scale, offset = 0) => [
    shape,
    values(product(shape), Type, scale).map((value) => value + offset),
  ]
  return {
    '0.weight': parameter([16, 1, 3, 3], 0.5),
    '0.bias': parameter([16], 0),
    '1.weight': parameter([16], 0, 1),
    '1.bias': parameter([16], 0),
    '4.weight': parameter([32, 16, 3, 3], 0.1),
    '4.bias': parameter([32], 0),
    '5.weight': parameter([32], 0, 1),
    '5.bias': parameter([32], 0),
    '9.weight': parameter([10, 1568], 0.03),
    '9.bias': parameter([10], 0),
  }
}

/** A training step that keeps its first two losses: run.mjs compares them, as proof that all train the same network. */
export function keepLosses(step) {
  const losses = []
  const keep = (loss) => losses.length < 2 && losses.push(loss)
  const run = step.constructor.name === 'AsyncFunction' ? async () => void keep(await step()) : () => void keep(step())
  return Object.assign(run, { losses })
}
