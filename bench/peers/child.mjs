// A JavaScript peer's side of the run: serve() times each task of the command line and says so, one line of JSON each.

import { writeSync } from 'node:fs'
import { Bench } from 'tinybench'

/** A call slower than this (ms) gets one sample, after one call to warm up. */
const SLOW = 1500

/** Median time of a call in milliseconds, warmed up first: V8's first tier is two to three times slower. */
async function measure(run, time) {
  const start = performance.now()
  await run()
  const slow = performance.now() - start > SLOW
  const bench = new Bench({
    time: slow ? 0 : time,
    iterations: slow ? 1 : 3,
    warmup: !slow,
    warmupTime: time / 2,
    warmupIterations: 1,
    throws: true,
  })
  // Saying whether it is asynchronous spares the call by which tinybench would find out.
  bench.add('', run, { async: run.constructor.name === 'AsyncFunction' })
  await bench.run()
  const { latency } = bench.tasks[0].result
  return { ms: latency.p50, samples: latency.samplesCount }
}

const message = (error) => String(error?.message || error)

/**
 * `load(options)` resolves to `{ version, notes, tasks }`: notes by kind of task, and for each kind a function that sets
 * a task up and returns (or resolves to) the call to time. What throws is the peer's answer to that task.
 */
export async function serve(load) {
  const { tasks, time, ...options } = JSON.parse(process.argv[2])
  const say = (line) => writeSync(1, `\n${JSON.stringify(line)}\n`)
  try {
    const peer = await load(options)
    say({ version: peer.version, notes: peer.notes ?? {} })
    for (const task of tasks) {
      say({ start: task.id })
      try {
        const run = await peer.tasks[task.kind]?.(task)
        say({ task: task.id, ...(run ? await measure(run, time) : {}) })
      } catch (error) {
        say({ task: task.id, error: message(error) })
      }
    }
  } catch (error) {
    say({ failed: message(error) })
  }
  process.exit(0)
}

/** The same values, about normal in size, for everyone. */
export function values(count, Type = Float32Array) {
  const data = new Type(count)
  let state = 1
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    data[i] = state / 2 ** 31
  }
  return data
}

export const product = (shape) => shape.reduce((a, b) => a * b, 1)
