// A JavaScript peer's side of the run: serve() times each task that it is given and says so, one line of JSON each.

import { readFileSync, writeSync } from 'node:fs'
import { Bench } from 'tinybench'
import { initial } from './values.mjs'

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
    return { ms: latency.p50, least: latency.min, samples: latency.samplesCount }
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
  const { tasks, limits, ...options } = JSON.parse(readFileSync(0, 'utf8'))
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

/** Parameters of the MNIST network by their names in PyTorch, [shape, values], the same for everyone. */
export function mnistParameters(Type = Float32Array) {
  const shapes = {
    '0.weight': [16, 1, 3, 3],
    '0.bias': [16],
    '1.weight': [16],
    '1.bias': [16],
    '4.weight': [32, 16, 3, 3],
    '4.bias': [32],
    '5.weight': [32],
    '5.bias': [32],
    '9.weight': [10, 1568],
    '9.bias': [10],
  }
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, [shape, initial(name, shape, Type)]]))
}

/** A training step that keeps its first two losses: run.mjs compares them, as proof that all train the same network. */
export function keepLosses(step) {
  const losses = []
  const keep = (loss) => losses.length < 2 && losses.push(loss)
  const run = step.constructor.name === 'AsyncFunction' ? async () => void keep(await step()) : () => void keep(step())
  return Object.assign(run, { losses })
}
