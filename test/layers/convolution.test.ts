// Convolutions against the plain definition, in float64, whatever the algorithm: sizes at which Winograd's runs, and
// others. The error is relative to the largest value.
import { createModel } from '../../src/model/create'
import { expect, test } from 'vitest'
import { conv2d, convTranspose2d, createRandom } from '../../src/entries/index'

type Shape = [n: number, c: number, h: number, w: number]
/** Both ways, unless given for each. */
type Size = number | [vertical: number, horizontal: number]
type Options = { kernel: Size; pad: Size; stride?: number; groups?: number }

const sides = (size: Size) => (typeof size === 'number' ? [size, size] : size)

/** y, dx, dw of the sum over dy y, by seven loops. */
function definition(
  x: Float64Array,
  weight: Float64Array,
  dy: Float64Array,
  [n, c, h, w]: Shape,
  f: number,
  { kernel, pad, stride = 1, groups = 1 }: Options,
) {
  const [kh, kw] = sides(kernel)
  const [ph, pw] = sides(pad)
  const oh = Math.floor((h + 2 * ph - kh) / stride) + 1
  const ow = Math.floor((w + 2 * pw - kw) / stride) + 1
  const [cg, fg] = [c / groups, f / groups]
  const y = new Float64Array(n * f * oh * ow)
  const dx = new Float64Array(x.length)
  const dw = new Float64Array(weight.length)
  for (let image = 0; image < n; image++)
    for (let filter = 0; filter < f; filter++)
      for (let channel = 0; channel < cg; channel++)
        for (let i = 0; i < kh; i++)
          for (let j = 0; j < kw; j++) {
            const at = ((filter * cg + channel) * kh + i) * kw + j
            const plane = image * c + Math.floor(filter / fg) * cg + channel
            for (let row = 0; row < oh; row++)
              for (let column = 0; column < ow; column++) {
                const [fromRow, fromColumn] = [row * stride + i - ph, column * stride + j - pw]
                if (fromRow < 0 || fromRow >= h || fromColumn < 0 || fromColumn >= w) continue
                const from = (plane * h + fromRow) * w + fromColumn
                const to = ((image * f + filter) * oh + row) * ow + column
                y[to] += weight[at] * x[from]
                dx[from] += weight[at] * dy[to]
                dw[at] += dy[to] * x[from]
              }
          }
  return { y, dx, dw }
}

function error(actual: ArrayLike<number>, expected: Float64Array): number {
  let [largest, difference] = [0, 0]
  expected.forEach((value, i) => {
    largest = Math.max(largest, Math.abs(value))
    difference = Math.max(difference, Math.abs(value - actual[i]))
  })
  return difference / largest
}

const cases: [Shape, number, Options][] = [
  [[4, 16, 14, 14], 32, { kernel: 3, pad: 1 }],
  [[2, 64, 28, 28], 64, { kernel: 3, pad: 1 }],
  [[3, 8, 9, 17], 10, { kernel: 3, pad: 0 }],
  [[1, 9, 60, 7], 8, { kernel: 3, pad: 2 }],
  [[2, 64, 25, 25], 32, { kernel: 3, pad: 1 }],
  [[2, 3, 32, 32], 16, { kernel: 5, pad: 2 }],
  [[3, 7, 13, 11], 20, { kernel: 5, pad: 0 }],
  [[1, 64, 27, 27], 48, { kernel: 5, pad: 2 }],
  [[2, 12, 6, 5], 7, { kernel: 1, pad: 0 }],
  [[2, 20, 3, 3], 20, { kernel: 3, pad: 1, groups: 20 }],
  [[3, 5, 6, 6], 5, { kernel: 3, pad: 1, groups: 5 }],
  [[2, 7, 6, 7], 7, { kernel: 3, pad: 1, groups: 7, stride: 2 }],
  [[2, 4, 28, 30], 4, { kernel: 3, pad: 1, groups: 4 }],
  [[2, 3, 29, 26], 3, { kernel: 3, pad: 1, groups: 3, stride: 2 }],
  [[1, 2, 61, 75], 2, { kernel: 3, pad: 1, groups: 2 }],
  [[2, 3, 9, 8], 3, { kernel: 3, pad: 0, groups: 3 }],
  [[2, 3, 8, 9], 3, { kernel: 3, pad: 0, groups: 3, stride: 2 }],
  [[2, 3, 5, 9], 3, { kernel: 3, pad: 2, groups: 3 }],
  [[2, 3, 7, 10], 3, { kernel: 3, pad: 2, groups: 3, stride: 2 }],
  [[2, 3, 2, 1], 3, { kernel: 3, pad: 1, groups: 3, stride: 2 }],
  [[3, 1, 12, 13], 6, { kernel: 3, pad: 1 }],
  [[2, 2, 9, 6], 6, { kernel: 3, pad: 1, groups: 2, stride: 2 }],
  [[64, 32, 1, 64], 64, { kernel: [1, 5], pad: [0, 2] }],
  [[9, 64, 1, 33], 20, { kernel: [1, 3], pad: [0, 1] }],
  [[2, 20, 1, 1030], 17, { kernel: [1, 5], pad: [0, 4] }],
  [[3, 300, 1, 7], 11, { kernel: [1, 3], pad: [0, 0] }],
  [[5, 11, 1, 1], 21, { kernel: [1, 5], pad: [0, 2] }],
]

test.each(
  cases.flatMap(([shape, f, options]) =>
    (['float64', 'float32'] as const).map(
      (dtype) => [`${shape.join('x')} to ${f}, ${JSON.stringify(options)}`, dtype, shape, f, options] as const,
    ),
  ),
)('%s, %s', async (_, dtype, shape, f, options) => {
  const [n, ...input] = shape
  const random = createRandom(11)
  const model = await createModel(conv2d(f, { ...options, bias: false }), { input, batch: n, dtype })
  // Float32 values, so that both precisions see the same numbers.
  const draw = (length: number) => Float64Array.from({ length }, () => Math.fround(random.normal()))
  const x = draw(model.input.data.length)
  const weight = draw(model.parameters.weight.data.length)
  const dy = draw(model.output.data.length)
  model.parameters.weight.data.set(weight)
  const expected = definition(x, weight, dy, [...shape], f, options)
  // The weight gradient of 5x5 in float32 comes to 1.3e-5.
  const tolerance = dtype === 'float64' ? 1e-13 : sides(options.kernel)[1] === 5 ? 2e-5 : 1e-5
  expect(error(model.forward(x).data, expected.y)).toBeLessThan(tolerance)
  expect(error(model.backward(dy).data, expected.dx)).toBeLessThan(tolerance)
  expect(error(model.gradients.weight.data, expected.dw)).toBeLessThan(tolerance)
})

test('rows that a transposed convolution has by outputPad are those that its pad cut off', async () => {
  const layer = convTranspose2d(1, { kernel: 2, stride: 1, pad: 1, dilation: 2, outputPad: 1, bias: false })
  const model = await createModel(layer, { input: [1, 2, 2], batch: 1 })
  model.parameters.weight.data.fill(1)
  // PyTorch's conv_transpose2d(x, w, None, 1, 1, 1, 1, 2).
  expect([...model.forward([1, 2, 3, 4]).data]).toEqual([4, 3, 4, 2, 1, 2, 4, 3, 4])
})
