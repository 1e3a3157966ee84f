// Norms where sums are small in number or far from zero, against the definition.
import { createModel } from '../../src/model/create'
import type { Layer } from '../../src/plan/layer'
import { describe, expect, test } from 'vitest'
import { batchNorm, createRandom, groupNorm, layerNorm } from '../../src/entries/index'

const RUNS = (['wasm', 'js'] as const).map((backend) => ({ backend }))

/** Which values are normalised together, and with which parameter: the norm as a partition of [n, c, hw]. */
interface Norm {
  readonly layer: () => Layer
  readonly group: (example: number, channel: number, place: number) => string
  readonly parameter: (channel: number, place: number, hw: number) => number
}

const norms: Record<string, (c: number) => Norm> = {
  batchNorm: () => ({ layer: batchNorm, group: (_, channel) => `${channel}`, parameter: (channel) => channel }),
  layerNorm: () => ({
    layer: layerNorm,
    group: (example) => `${example}`,
    parameter: (channel, place, hw) => channel * hw + place,
  }),
  groupNorm: (c) => ({
    layer: () => groupNorm(c % 2 ? 1 : 2),
    group: (example, channel) => `${example} ${Math.floor(channel / (c % 2 ? c : c / 2))}`,
    parameter: (channel) => channel,
  }),
}

test.each([batchNorm, layerNorm, (options: object) => groupNorm(1, options)])(
  'an epsilon of 0, with which equal values would give 0 / 0, is refused: %#',
  (create) => {
    for (const epsilon of [0, 1e-46]) {
      expect(() => create({ epsilon })).toThrow(
        /Norm: epsilon .* is 0 as float32, and 0 \/ 0 where nothing is added to it/,
      )
    }
  },
)

/** y and dx by the definition, with means taken from values near zero. */
function define(norm: Norm, c: number, hw: number, x: Float64Array, dy: Float64Array, gamma: Float64Array) {
  const groups = new Map<string, { at: number; scale: number }[]>()
  for (let i = 0; i < x.length; i++) {
    const place = i % hw
    const channel = Math.floor(i / hw) % c
    const key = norm.group(Math.floor(i / hw / c), channel, place)
    groups.set(key, [...(groups.get(key) ?? []), { at: i, scale: gamma[norm.parameter(channel, place, hw)] }])
  }
  const y = new Float64Array(x.length)
  const dx = new Float64Array(x.length)
  for (const members of groups.values()) {
    const mean = (f: (m: (typeof members)[number]) => number) => members.reduce((s, m) => s + f(m), 0) / members.length
    const first = x[members[0].at]
    const average = mean(({ at }) => x[at] - first)
    const d = ({ at }: { at: number }) => x[at] - first - average
    const inverse = 1 / Math.sqrt(mean((m) => d(m) ** 2) + 1e-5)
    const g = mean(({ at, scale }) => scale * dy[at])
    const gd = mean((m) => m.scale * dy[m.at] * d(m)) * inverse ** 2
    for (const m of members) {
      y[m.at] = m.scale * d(m) * inverse
      dx[m.at] = inverse * (m.scale * dy[m.at] - g - d(m) * gd)
    }
  }
  return { y, dx }
}

const shapes: [n: number, input: number[]][] = [
  [1, [6]],
  [1, [1]],
  [5, [1]],
  [9, [37]],
  [2, [4, 1, 1]],
  [1, [3, 5, 7]],
  [3, [1, 2, 9]],
  [2, [6, 8, 9]],
]

const values: [string, (random: ReturnType<typeof createRandom>) => number][] = [
  ['normal', (random) => random.normal()],
  ['constant', () => 3.7],
  ['1e6 + noise', (random) => 1e6 + random.normal()],
  ['1e6 + little noise', (random) => 1e6 + 0.01 * random.normal()],
]

describe.each(RUNS)('on $backend', ({ backend }) => {
  describe.each(Object.entries(norms))('%s', (name, norm) => {
    test.each(values)('%s', async (_, draw) => {
      for (const [n, input] of shapes) {
        const [c] = input
        const size = input.reduce((a, b) => a * b)
        const random = createRandom(2)
        const x = Float64Array.from({ length: n * size }, () => draw(random))
        const dy = Float64Array.from(x, () => random.normal())
        const model = await createModel(norm(c).layer(), { input, batch: n, backend })
        const gamma = model.parameters.weight.data as Float64Array
        gamma.set(gamma.map(() => random.normal()))
        const expected = define(norm(c), c, size / c, x, dy, gamma)
        const y = model.forward(x, { training: true }).data.slice()
        const dx = model.backward(dy).data
        // A mean of values at 1e6 is known to 1e-10.
        const scale = Math.max(...expected.dx.map(Math.abs), 1)
        for (let i = 0; i < x.length; i++) {
          expect(Math.abs(y[i] - expected.y[i]), `${name} ${n}x${input} y`).toBeLessThan(3e-7)
          expect(Math.abs(dx[i] - expected.dx[i]) / scale, `${name} ${n}x${input} dx`).toBeLessThan(1e-6)
        }
      }
    })
  })
})

test('a group with as many groups as channels is an instance norm, with one a norm of the whole example', async () => {
  const random = createRandom(8)
  const input = [4, 3, 5]
  const x = Float64Array.from({ length: 2 * 60 }, () => random.normal())
  const whole = await createModel(groupNorm(1), { input, batch: 2 })
  const layer = await createModel(layerNorm(), { input, batch: 2 })
  expect(whole.forward(x).data).toEqual(layer.forward(x).data)
  const each = await createModel(groupNorm(4), { input, batch: 2 })
  const y = each.forward(x).data
  for (let plane = 0; plane < 8; plane++) {
    const values = Array.from(y.subarray(15 * plane, 15 * plane + 15))
    expect(Math.abs(values.reduce((a, b) => a + b))).toBeLessThan(1e-12)
  }
})
