// Every kernel against its twin, to the bit, in both precisions.
import type { Kernels } from '../../src/kernels/index'
import { createEngine } from '../../src/engine/create'
import { describe, expect, test } from 'vitest'
import { kernelCases, prepare } from '../../cases/kernels'

/** Whether all spans hold the same bits. */
const areSame = (a: Uint32Array[], b: Uint32Array[]) => a.every((span, i) => span.every((word, j) => word === b[i][j]))

describe.each(['float64', 'float32'] as const)('%s', (dtype) => {
  test.each(kernelCases.map((c) => [`${c.kernel} ${c.name}`, c] as const))('%s', async (_, kernelCase) => {
    const call = prepare(kernelCase, dtype === 'float64' ? 8 : 4)
    const [wasm, js] = await Promise.all(
      (['wasm', 'js'] as const).map(async (backend) => {
        const engine = await createEngine(dtype, call.bytes, backend)
        call.fill(engine.buffer)
        const kernel = engine.kernels[kernelCase.kernel] as (...args: number[]) => number | void
        const before = call.contents(engine.buffer).map((span) => span.slice())
        const result = kernel(...call.args)
        return { result, before, after: call.contents(engine.buffer) }
      }),
    )
    expect(wasm.result).toBe(js.result)
    // toEqual takes seconds for what is compared here in milliseconds, but shows what differs.
    if (!areSame(wasm.after, js.after)) expect(wasm.after).toEqual(js.after)
    // The case must do something, or equal bits would prove nothing.
    expect(wasm.result !== undefined || !areSame(wasm.after, wasm.before)).toBe(true)
  })

  test('the table has a case for every kernel', async () => {
    const { kernels } = await createEngine(dtype, 65536, 'js')
    const covered = new Set<keyof Kernels>(kernelCases.map((c) => c.kernel))
    expect(Object.keys(kernels).filter((name) => !covered.has(name as keyof Kernels))).toEqual([])
  })
})
