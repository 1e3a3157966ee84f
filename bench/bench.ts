// npm run bench [-- FILTER]: every kind of kernel at sizes that matter, and training steps of whole networks: WebAssembly
// and its twin in both precisions, with the share of what this machine reaches at the most, measured in the same run.

import type { Kernels } from '../src/kernels/index'
import { createEngine } from '../src/engine/create'
import { readFileSync } from 'node:fs'
import asc from 'assemblyscript/asc'
import { Bench } from 'tinybench'
import * as architectures from '../src/entries/architectures'
import * as v128 from '../src/entries/index'
import {
  type KernelCase,
  activationCases,
  adamCase,
  batchNormCases,
  binaryCase,
  convCases,
  dropoutCase,
  maxoutCases,
  gemmCase,
  globalAvgPoolCases,
  groupNormCases,
  hingeCase,
  magnitudeCases,
  meanSquaredErrorCase,
  normalizeCases,
  poolCases,
  prepare,
  regularisationCases,
  softmaxLayerCases,
  softmaxCase,
  updateCases,
} from '../cases/kernels'
import { addTableCase, attentionCases, curveCases, embeddingCases } from '../cases/kernels-more'
import { lineCases } from '../cases/kernels-line'
import { recurrentCases } from '../cases/kernels-recurrent'
import { networks, titleOf, trainingStep } from './networks.mjs'

const filter = new RegExp(process.argv[2] ?? '', 'i')
const DTYPES = ['float64', 'float32'] as const

export const benchCases: readonly KernelCase[] = [
  gemmCase(512, 512, 512),
  ...convCases(64, 1, 28, 28, 16, [3, 3], { pad: [1, 1] }),
  ...convCases(64, 16, 14, 14, 32, [3, 3], { pad: [1, 1] }),
  ...convCases(32, 64, 28, 28, 64, [3, 3], { pad: [1, 1] }),
  ...convCases(32, 64, 28, 28, 128, [1, 1]),
  ...convCases(32, 3, 32, 32, 64, [5, 5], { pad: [2, 2] }),
  ...convCases(32, 3, 32, 32, 64, [5, 5], { pad: [2, 2], stride: [2, 2] }),
  ...convCases(32, 3, 32, 32, 64, [5, 5], { pad: [4, 4], dilation: [2, 2] }),
  ...convCases(32, 64, 28, 28, 64, [3, 3], { pad: [1, 1], stride: [2, 2] }),
  ...convCases(32, 64, 28, 28, 64, [3, 3], { pad: [2, 2], dilation: [2, 2] }),
  ...convCases(32, 64, 28, 28, 64, [3, 3], { pad: [1, 1], groups: 64 }),
  ...convCases(32, 64, 28, 28, 64, [3, 3], { pad: [1, 1], stride: [2, 2], groups: 64 }),
  ...convCases(8, 384, 6, 6, 384, [3, 3], { pad: [1, 1], groups: 384 }),
  ...lineCases(64, 32, 64, 64, 5, 2),
  ...lineCases(64, 64, 32, 128, 3, 1),
  ...batchNormCases(64, 16, 784, 1, 0),
  ...batchNormCases(64, 16, 784, 1, 1),
  ...batchNormCases(64, 1024, 1, 1, 0),
  ...batchNormCases(64, 1024, 1, 1, 1),
  ...batchNormCases(512, 4096, 1, 1, 0),
  ...normalizeCases(64, 16, 784),
  ...normalizeCases(64, 1024, 1),
  ...globalAvgPoolCases(64 * 16, 784),
  ...groupNormCases(64, 1, 1024, 1),
  ...groupNormCases(64, 1, 16 * 784, 1),
  ...groupNormCases(64, 4, 16, 784),
  ...poolCases(64 * 16, 28, 28, [2, 2]),
  ...poolCases(64 * 16, 28, 28, [3, 3], { stride: [2, 2], pad: [1, 1] }),
  ...poolCases(64 * 16, 28, 28, [3, 3], { stride: [1, 1], pad: [1, 1] }),
  ...poolCases(64 * 16, 28, 28, [2, 2], { stride: [1, 1] }),
  ...activationCases('relu', 64 * 16 * 784, [NaN]),
  ...activationCases('leakyRelu', 64 * 16 * 784, [0.01]),
  ...activationCases('sigmoid', 64 * 16 * 784),
  ...activationCases('tanh', 64 * 16 * 784),
  ...activationCases('elu', 64 * 16 * 784, [1]),
  ...recurrentCases('LSTM', 64, 50, 128, { all: false }),
  ...recurrentCases('GRU', 64, 50, 128, { all: false }),
  ...softmaxLayerCases(1024, 1000, 1),
  ...softmaxLayerCases(64, 16, 784),
  ...maxoutCases(64 * 8 * 784, 2),
  ...maxoutCases(64 * 4 * 784, 4),
  ...maxoutCases(64 * 8, 2, 784),
  ...curveCases('GELU', 64 * 16 * 784),
  ...curveCases('SILU', 64 * 16 * 784),
  ...embeddingCases(64 * 40, 20_000, 64),
  addTableCase(64, 64 * 128),
  ...attentionCases(16, 4, 32, 64, { causal: true }),
  ...attentionCases(4, 8, 64, 256),
  dropoutCase(64 * 16 * 784, 0.8),
  adamCase(1e6),
  ...updateCases(1e6),
  softmaxCase(1024, 1000),
  softmaxCase(1024, 1000, { smoothing: 0.1 }),
  hingeCase(1024, 1000),
  ...regularisationCases(1000, 1000),
  ...magnitudeCases(1e6),
  meanSquaredErrorCase(1e6),
  binaryCase(1e6),
]

/** Median time of a function in milliseconds: warmed up first, since V8's first tier is two to three times slower. */
async function measure(run: () => unknown, time: number): Promise<number> {
  const bench = new Bench({ time, warmupTime: time / 2, iterations: 5, warmupIterations: 2 })
  bench.add('', run)
  await bench.run()
  const { result } = bench.tasks[0]
  if (result.state !== 'completed') throw new Error(`the benchmark ended as ${result.state}`)
  return result.latency.p50
}

/** Multiply-adds in registers (GFLOP/s) and copying through memory (GB/s). */
async function limits(dtype: (typeof DTYPES)[number]): Promise<{ gflops: number; gbytes: number }> {
  const source = readFileSync(new URL('../bench/limits.as.ts', import.meta.url))
  const { error, binary, stderr } = await asc.compileString(source.toString(), {
    optimizeLevel: 3,
    runtime: 'stub',
    importMemory: true,
    enable: ['simd'],
    use: [`Float=${dtype === 'float64' ? 'f64' : 'f32'}`],
  })
  if (error || !binary) throw new Error(stderr.toString())
  const memory = new WebAssembly.Memory({ initial: 512 })
  const { instance } = await WebAssembly.instantiate(binary as Uint8Array<ArrayBuffer>, { env: { memory } })
  const { multiplyAdd, copy } = instance.exports as Record<string, (...args: number[]) => number>
  const rounds = 1e6
  const lanes = dtype === 'float64' ? 2 : 4
  // As large as what the kernels below read. Memory that was never written is one page of zeros, which stays in L1:
  // copying it would measure twice what copying can do.
  const bytes = 2 ** 23
  new Uint8Array(memory.buffer, 0, bytes + 1024).fill(1)
  return {
    gflops: (48 * lanes * rounds) / (await measure(() => multiplyAdd(rounds), 300)) / 1e6,
    gbytes: (2 * bytes) / (await measure(() => copy(bytes, 1024, 2 ** 24), 300)) / 1e6,
  }
}

function line(cells: readonly string[]): void {
  const widths = [66, 10, 12, 12, 9, 12, 10]
  console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(''))
}

for (const dtype of DTYPES) {
  const bytes = dtype === 'float64' ? 8 : 4
  const limit = await limits(dtype)
  console.log(
    `\n${dtype}: peak ${limit.gflops.toFixed(1)} GFLOP/s in registers, ${limit.gbytes.toFixed(1)} GB/s copying`,
  )
  line(['', 'wasm ms', 'GFLOP/s', 'GB/s', 'share', 'twin ms', 'twin/wasm'])
  for (const kernelCase of benchCases) {
    const title = `${kernelCase.kernel} ${kernelCase.name}`
    if (!filter.test(title)) continue
    const call = prepare(kernelCase, bytes)
    const times: number[] = []
    for (const backend of ['wasm', 'js'] as const) {
      const engine = await createEngine(dtype, call.bytes, backend)
      call.fill(engine.buffer)
      const kernel = engine.kernels[kernelCase.kernel as keyof Kernels] as (...args: number[]) => void
      times.push(await measure(() => kernel(...call.args), backend === 'wasm' ? 400 : 200))
    }
    const [wasm, js] = times
    const gflops = (kernelCase.flops ?? 0) / wasm / 1e6
    const gbytes = ((kernelCase.traffic ?? 0) * bytes + (kernelCase.places ?? 0) * 4) / wasm / 1e6
    const share = gflops ? gflops / limit.gflops : gbytes / limit.gbytes
    line([
      title,
      wasm.toFixed(3),
      gflops ? gflops.toFixed(1) : '',
      gbytes ? gbytes.toFixed(1) : '',
      `${(100 * share).toFixed(0)} %`,
      js.toFixed(2),
      (js / wasm).toFixed(1),
    ])
  }
  for (const name of Object.keys(networks)) {
    const title = `training step: ${titleOf(name)}`
    if (!filter.test(title)) continue
    const times: number[] = []
    for (const backend of ['wasm', 'js'] as const) {
      const step = await trainingStep({ ...v128, ...architectures }, name, { dtype, backend })
      times.push(await measure(step, backend === 'wasm' ? 1500 : 200))
    }
    line([title, times[0].toFixed(2), '', '', '', times[1].toFixed(1), (times[1] / times[0]).toFixed(1)])
  }
}
