// Every call that threads may share out, in two parts at every place and in single units: the same bits as in one.
import { describe, expect, test } from 'vitest'
import { kernelCases, prepare } from '../../cases/kernels'
import { createEngine } from '../../src/engine/create'
import { BLOCK_BYTES, Word, blockOf, fillArguments } from '../../src/engine/shares'
import { RULES, createSplit, splitOf } from '../../src/engine/split'

/** Places where a call of so many units is split: all, or the first, the last and some between. */
function placesOf(units: number): number[] {
  const all = Array.from({ length: units - 1 }, (_, i) => i + 1)
  return all.filter((at) => units <= 24 || at <= 5 || units - at <= 5 || at % Math.ceil(units / 9) === 0)
}

/** Parts of a call: each from a unit on, so many. */
function partitionsOf(units: number): [first: number, count: number][][] {
  const halves = placesOf(units).map((at): [number, number][] => [
    [at, units - at],
    [0, at],
  ])
  const singles = Array.from({ length: units }, (_, i): [number, number] => [i, 1])
  return units <= 64 ? [...halves, singles] : halves
}

const cases = kernelCases.filter(({ kernel }) => RULES[kernel])

describe.each(['float64', 'float32'] as const)('%s', (dtype) => {
  const bytes = dtype === 'float64' ? 8 : 4

  test.each(cases.map((c) => [`${c.kernel} ${c.name}`, c] as const))('%s', async (_, kernelCase) => {
    const call = prepare(kernelCase, bytes)
    const split = createSplit(bytes)
    splitOf(RULES[kernelCase.kernel]!, call.args, split)
    expect(split.cost).toBeGreaterThan(0)
    const block = blockOf(new SharedArrayBuffer(BLOCK_BYTES))
    block.words[Word.Arguments] = call.args.length
    block.words[Word.Scratch] = split.scratch
    block.whole.set(call.args)
    block.step.set(split.step)
    block.perUnit.set(split.perUnit)
    for (const backend of ['wasm', 'js'] as const) {
      const engine = await createEngine(dtype, call.bytes, backend)
      const kernel = engine.kernels[kernelCase.kernel] as (...args: number[]) => void
      // The whole call is one of all units, with the arguments as they are.
      const args: number[] = []
      fillArguments(block, 0, split.units, 0, args)
      expect(args).toEqual(call.args)
      const run = (parts: readonly [number, number][]) => {
        call.fill(engine.buffer)
        for (const [first, count] of parts) {
          fillArguments(block, first, count, 0, args)
          kernel(...args)
        }
        return call.contents(engine.buffer).map((span) => span.slice())
      }
      const whole = run([[0, split.units]])
      const partitions = split.units > 1 ? partitionsOf(split.units) : []
      for (const parts of backend === 'js' ? partitions.slice(0, 2) : partitions) {
        const result = run(parts)
        const same = result.every((span, i) => span.every((word, j) => word === whole[i][j]))
        if (!same) expect(result, `${backend}: ${JSON.stringify(parts)}`).toEqual(whole)
      }
    }
  })

  test('no rule is without a case of several units', () => {
    const split = createSplit(bytes)
    const several = new Set(
      cases
        .filter(({ kernel, args, name }) => {
          splitOf(RULES[kernel]!, prepare({ kernel, args, name }, bytes).args, split)
          return split.units > 1
        })
        .map(({ kernel }) => kernel),
    )
    const missing = Object.entries(RULES).filter(([name, rule]) => rule && !several.has(name as keyof typeof RULES))
    expect(missing.map(([name]) => name)).toEqual([])
  })
})
