// Augmentation: against torchvision (fixtures/ours/augmentation.py), by hand, and inside fit.
import { createModel } from '../../src/model/create'
import type { Tensor } from '../../src/tensor'
import { describe, expect, test, vi } from 'vitest'
import { PlanError, createRandom, dense, flatten, sequential, sgd, softmaxCrossEntropy } from '../../src/entries/index'
import {
  type Augmentation,
  augment,
  colorJitter,
  cutout,
  horizontalFlip,
  randomCrop,
  randomRotation,
  randomScale,
} from '../../src/entries/data'
import fixtures from '../fixtures/ours/augmentation.json'

const factories: Record<string, (options: never) => Augmentation> = {
  colorJitter,
  cutout,
  horizontalFlip,
  randomCrop,
  randomRotation,
  randomScale,
}

/** The images of `shape` in `data` after `list`; `data` stays as it is. */
function changed(list: Augmentation[], shape: number[], data: ArrayLike<number>, seed = 0): number[] {
  const n = data.length / shape.reduce((a, b) => a * b)
  const input = { shape: [n, ...shape], data: Float64Array.from(data) }
  augment(list, { seed })(input, n)
  return [...input.data]
}

const count = (n: number) => Array.from({ length: n }, (_, i) => i + 1)
const random = createRandom(4)
const pixels = (n: number, max = 255) => Float64Array.from({ length: n }, () => max * random.uniform())

const ALL = [
  horizontalFlip(),
  randomCrop({ pad: 2 }),
  randomScale({ scale: [0.8, 1.25] }),
  randomRotation({ degrees: 20 }),
  colorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2 }),
  cutout({ size: 3 }),
]

describe('as torchvision', () => {
  test.each(fixtures.cases.map((c) => [c.kind, c.image, JSON.stringify(c.options), c] as const))(
    '%s of %s %s',
    (kind, name, _, { options, y }) => {
      const { shape, data } = fixtures.images[name as 'color' | 'gray']
      const result = changed([factories[kind](options as never)], shape, data)
      expect(Math.max(...result.map((value, i) => Math.abs(value - y[i])))).toBeLessThan(1e-12)
    },
  )

  test('on bytes, from 0 to 255, and on floats, from 0 to 1, colours change alike', () => {
    const amounts = { brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.3 }
    const data = pixels(10 * 3 * 4 * 4, 1)
    const floats = changed([colorJitter({ ...amounts, max: 1 })], [3, 4, 4], data)
    const bytes = changed(
      [colorJitter(amounts)],
      [3, 4, 4],
      data.map((value) => 255 * value),
    )
    expect(floats).not.toEqual([...data])
    for (const [i, value] of bytes.entries()) expect(value / 255).toBeCloseTo(floats[i], 12)
  })

  test('colorJitter does its four changes in every order', () => {
    const parts = [{ brightness: 1.4 }, { contrast: 0.6 }, { saturation: 1.5 }, { hue: 0.2 }].map((part) =>
      Object.fromEntries(Object.entries(part).map(([name, value]) => [name, [value, value]])),
    )
    const image = pixels(3 * 9)
    const orders = [0, 1, 2, 3].flatMap((a) =>
      [0, 1, 2, 3].flatMap((b) => [0, 1, 2, 3].flatMap((c) => [0, 1, 2, 3].map((d) => [a, b, c, d]))),
    )
    const results = orders
      .filter((order) => new Set(order).size === 4)
      .map((order) =>
        changed(
          order.map((i) => colorJitter(parts[i])),
          [3, 3, 3],
          image,
        ).join(),
      )
    const transform = augment([colorJitter(Object.assign({}, ...parts))])
    const found = count(300).map(() => {
      const input = { shape: [1, 3, 3, 3], data: image.slice() }
      transform(input, 1)
      return results.indexOf(input.data.join())
    })
    expect(Math.min(...found)).toBeGreaterThanOrEqual(0)
    expect(new Set(found).size).toBe(new Set(results).size)
    expect(new Set(results).size).toBeGreaterThan(12)
  })
})

describe('horizontalFlip', () => {
  test('mirrors each row of each channel', () => {
    expect(changed([horizontalFlip({ p: 1 })], [2, 2, 3], count(12))).toEqual([3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10])
    expect(changed([horizontalFlip({ p: 1 })], [1, 1, 4], count(4))).toEqual([4, 3, 2, 1])
    expect(changed([horizontalFlip({ p: 0 })], [1, 1, 4], count(4))).toEqual([1, 2, 3, 4])
  })

  test('with its probability, each image for itself', () => {
    const rows = 4000
    const result = changed([horizontalFlip({ p: 0.3 })], [1, 1, 2], count(2 * rows))
    const flipped = result.filter((value, i) => i % 2 === 0 && value === i + 2).length
    expect(flipped / rows).toBeGreaterThan(0.27)
    expect(flipped / rows).toBeLessThan(0.33)
  })
})

describe('randomCrop', () => {
  test('is a piece of the padded image, each as likely as the others', () => {
    const [height, width, pad] = [3, 4, [1, 2]] as const
    const image = count(2 * height * width)
    const at = (c: number, y: number, x: number) =>
      y < 0 || y >= height || x < 0 || x >= width ? -c - 1 : image[(c * height + y) * width + x]
    const pieces = new Map<string, number>()
    for (let down = -pad[0]; down <= pad[0]; down++) {
      for (let right = -pad[1]; right <= pad[1]; right++) {
        const piece = image.map((_, i) => {
          const [c, y, x] = [Math.floor(i / 12), Math.floor(i / 4) % 3, i % 4]
          return at(c, y + down, x + right)
        })
        pieces.set(piece.join(), 0)
      }
    }
    expect(pieces.size).toBe(15)
    const transform = augment([randomCrop({ pad: [1, 2], fill: [-1, -2] })])
    for (let i = 0; i < 3000; i++) {
      const input = { shape: [1, 2, 3, 4], data: Float64Array.from(image) }
      transform(input, 1)
      const key = input.data.join()
      expect(pieces.has(key)).toBe(true)
      pieces.set(key, pieces.get(key)! + 1)
    }
    for (const times of pieces.values()) expect(times).toBeGreaterThan(140)
  })

  test('without pad changes nothing; a pad larger than the image may leave nothing of it', () => {
    expect(changed([randomCrop({ pad: 0 })], [1, 2, 2], count(4))).toEqual(count(4))
    const gone = changed([randomCrop({ pad: 50, fill: 7 })], [1, 2, 2], count(4 * 50))
    expect(gone.filter((value) => value === 7).length).toBeGreaterThan(150)
  })
})

describe('cutout', () => {
  test.each([2, 3])('covers a square of %i about any pixel, cut off at the edges', (size) => {
    const transform = augment([cutout({ size, fill: [-1, -2] })])
    const seen = new Set<string>()
    for (let i = 0; i < 2000; i++) {
      const input = { shape: [1, 2, 5, 4], data: Float64Array.from(count(40)) }
      transform(input, 1)
      const covered = [...input.data].flatMap((value, j) => (value < 0 ? [j] : []))
      const plane = covered.filter((j) => j < 20)
      expect(covered.filter((j) => j >= 20)).toEqual(plane.map((j) => j + 20))
      expect(plane.every((j) => input.data[j] === -1 && input.data[j + 20] === -2)).toBe(true)
      const ys = plane.map((j) => Math.floor(j / 4))
      const xs = plane.map((j) => j % 4)
      const [h, w] = [ys, xs].map((of) => Math.max(...of) - Math.min(...of) + 1)
      expect(plane.length).toBe(h * w)
      expect(Math.max(h, w)).toBeLessThanOrEqual(size)
      seen.add(plane.join())
    }
    // One for each pixel that may be its middle.
    expect(seen.size).toBe(20)
  })

  test('with its probability, and of two sides', () => {
    expect(changed([cutout({ size: 9, p: 0 })], [1, 2, 2], count(4))).toEqual(count(4))
    expect(changed([cutout({ size: 9 })], [1, 2, 2], count(4))).toEqual([0, 0, 0, 0])
    const rows = changed([cutout({ size: [1, 9] })], [1, 3, 3], count(9))
    expect(rows.filter((value) => value === 0).length).toBe(3)
  })
})

describe('randomRotation and randomScale', () => {
  test('leave a constant image as it is, where the fill is that constant', () => {
    const same = [randomRotation({ degrees: 180, fill: 9 }), randomScale({ scale: [0.3, 3], fill: [9] })]
    for (const value of changed(same, [1, 6, 5], new Float64Array(30).fill(9))) expect(value).toBeCloseTo(9, 12)
  })

  test('draw from the whole range, and only from it', () => {
    // The place of a bright pixel tells the angle, the width of a bar the factor.
    const transform = augment([randomRotation({ degrees: [20, 70] })])
    const angles = count(400).map(() => {
      const input = { shape: [1, 1, 21, 21], data: new Float64Array(441) }
      input.data[10 * 21 + 20] = 1
      transform(input, 1)
      let [x, y] = [0, 0]
      for (const [i, value] of input.data.entries()) {
        x += value * ((i % 21) - 10)
        y -= value * (Math.floor(i / 21) - 10)
      }
      return (Math.atan2(y, x) * 180) / Math.PI
    })
    expect(Math.min(...angles)).toBeGreaterThan(18)
    expect(Math.min(...angles)).toBeLessThan(23)
    expect(Math.max(...angles)).toBeLessThan(72)
    expect(Math.max(...angles)).toBeGreaterThan(67)
  })
})

describe('augment', () => {
  const shape = [3, 8, 8]
  const images = pixels(6 * 192)

  test('draws by the seed and by the number of the pass, and by nothing else', () => {
    const first = changed(ALL, shape, images, 5)
    expect(changed(ALL, shape, images, 5)).toEqual(first)
    expect(changed(ALL, shape, images, 6)).not.toEqual(first)
    const pass = (transform: ReturnType<typeof augment>, number?: number) => {
      const data = images.slice()
      transform({ shape: [6, ...shape], data }, 6, number)
      return [...data]
    }
    const transform = augment(ALL, { seed: 5 })
    const passes = [0, 1, 2].map(() => pass(transform))
    expect(passes[0]).toEqual([...first])
    expect(passes[1]).not.toEqual(passes[0])
    // A transform of another run, at once at that pass.
    expect(pass(augment(ALL, { seed: 5 }), 2)).toEqual(passes[2])
    expect(pass(transform, 1)).toEqual(passes[1])
  })

  test('the same bits on every machine', () => {
    const ramp = Float64Array.from({ length: 192 }, (_, i) => (i * 37) % 256)
    const result = changed(ALL, shape, ramp, 1)
    // Of Node; what only + - * / and sqrt go into cannot differ.
    expect([result[100], result.reduce((a, b) => a + b)]).toEqual([161.63782086320253, 7370.114719573309])
  })

  test('changes the first n images only', () => {
    const input = { shape: [6, ...shape], data: images.slice() }
    augment(ALL, { seed: 1 })(input, 2)
    expect(input.data.slice(2 * 192)).toEqual(images.slice(2 * 192))
    expect(input.data.slice(0, 192)).not.toEqual(images.slice(0, 192))
    expect(input.data.slice(192, 2 * 192)).not.toEqual(images.slice(192, 2 * 192))
  })

  test('keeps to the range of bytes, and to numbers', () => {
    const result = changed(ALL, shape, pixels(200 * 192), 9)
    expect(result.every((value) => value >= 0 && value <= 255 + 1e-9)).toBe(true)
  })

  test('works on float32, rounded where it is stored', () => {
    const narrow = { shape: [6, ...shape], data: Float32Array.from(images) }
    augment([randomRotation({ degrees: 30 })], { seed: 2 })(narrow, 6)
    const wide = changed([randomRotation({ degrees: 30 })], shape, Float32Array.from(images), 2)
    expect(narrow.data).toEqual(Float32Array.from(wide))
  })

  test('nothing to do', () => expect(changed([], shape, images)).toEqual([...images]))

  test.each(['wasm', 'js'] as const)('in fit, on %s: the same run for the same seed', async (backend) => {
    const run = async (seed: number | undefined, engine: 'wasm' | 'js') => {
      const model = await createModel(sequential(flatten(), dense(3)), {
        input: shape,
        batch: 4,
        loss: softmaxCrossEntropy(),
        optimizer: sgd({ learningRate: 1e-4 }),
        backend: engine,
      })
      const options = seed === undefined ? {} : { transform: augment(ALL, { seed }) }
      const { loss } = await model.fit({ x: images, y: [0, 1, 2, 0, 1, 2] }, { epochs: 3, ...options })
      return loss
    }
    const loss = await run(1, backend)
    expect(loss.every(Number.isFinite)).toBe(true)
    expect(await run(1, 'js')).toEqual(loss)
    expect(await run(2, backend)).not.toEqual(loss)
    expect(await run(undefined, backend)).not.toEqual(loss)
  })

  test('allocates no memory after the first batch', () => {
    const transform = augment(ALL)
    const input = { shape: [6, ...shape], data: images.slice() }
    transform(input, 6)
    const arrays = [Float64Array, Float32Array, Uint8Array, ArrayBuffer].map((type) => {
      const spy = vi.fn()
      const original = globalThis[type.name as 'Float64Array']
      vi.stubGlobal(
        type.name,
        class extends original {
          constructor(...args: ConstructorParameters<typeof original>) {
            super(...args)
            spy()
          }
        },
      )
      return spy
    })
    for (let i = 0; i < 20; i++) transform(input, 6)
    const before = arrays.map((spy) => spy.mock.calls.length)
    // Another shape: then it does, or this test would see nothing.
    transform({ shape: [6, 3, 8, 4], data: images }, 1)
    vi.unstubAllGlobals()
    expect(before).toEqual([0, 0, 0, 0])
    expect(arrays[0]).toHaveBeenCalled()
  })

  test('wants as many images as there are', () => {
    for (const n of [2, -1, 0.5, NaN, '1', undefined]) {
      expect(() => augment([])({ shape: [1, 1, 2, 2], data: new Float64Array(4) }, n as number)).toThrow(
        /^augment: the input has 1 image, got .* for their number$/,
      )
    }
  })

  test('the largest of each option gives finite values, in float32 too', () => {
    const largest = [
      randomCrop({ pad: 2 ** 20, fill: 3e38 }),
      cutout({ size: 2 ** 20, fill: -3e38 }),
      randomRotation({ degrees: 36_000, fill: 3e38 }),
      randomScale({ scale: [0.001, 1000], fill: 3e38 }),
      randomScale({ scale: [0.001, 0.001] }),
      colorJitter({ brightness: 1e6, contrast: 1e6, saturation: 1e6, hue: 0.5, max: 1e9 }),
    ]
    for (const one of largest) {
      const transform = augment([one])
      for (let i = 0; i < 50; i++) {
        const data = Float32Array.from({ length: 48 }, (_, i) => i % 7)
        transform({ shape: [1, 3, 4, 4], data }, 1)
        expect(data.every(Number.isFinite), one.kind).toBe(true)
      }
    }
  })

  test('prepares itself again for images of another shape', () => {
    const transform = augment([randomCrop({ pad: 1, fill: 0 })], { seed: 3 })
    for (const sides of [
      [1, 2, 2],
      [2, 3, 4],
      [1, 5, 5],
    ]) {
      const data = new Float64Array(sides.reduce((a, b) => a * b)).fill(1)
      transform({ shape: [1, ...sides], data }, 1)
      expect(data.every((value) => value === 0 || value === 1)).toBe(true)
    }
  })
})

describe('bad input', () => {
  const tensor = (...shape: number[]): Tensor => ({ shape, data: new Float64Array(shape.reduce((a, b) => a * b)) })

  test.each<[string, () => unknown, string]>([
    ['no list', () => augment(horizontalFlip() as never), 'augment: want a list of augmentations'],
    ['a function not called', () => augment([horizontalFlip as never]), 'augment: want a list of augmentations'],
    ['a seed of 0.5', () => augment([], { seed: 0.5 }), 'augment: seed must be an integer'],
    // No image needs so much, and some of it would be endless or no number.
    ['a pad of 3e9', () => randomCrop({ pad: 3e9 }), 'randomCrop: pad must be an integer of at most 1048576'],
    ['a size of 3e9', () => cutout({ size: [1, 3e9] }), 'cutout: size must be an integer of at most 1048576'],
    ['1e9 degrees', () => randomRotation({ degrees: 1e9 }), 'degrees must be a finite number of at least -36000'],
    ['degrees to 1e308', () => randomRotation({ degrees: [-1e308, 1e308] }), 'of at least -36000, got -1e+308'],
    ['a scale of 1e-9', () => randomScale({ scale: [1e-9, 1] }), 'scale must be above 0, 0.001 at least'],
    ['a scale of 1e300', () => randomScale({ scale: [1, 1e300] }), 'scale must be a finite number from 0 to 1000'],
    [
      'a contrast of 1e308',
      () => colorJitter({ contrast: 1e308 }),
      'contrast must be a finite number from 0 to 1000000',
    ],
    ['a brightness to 1e308', () => colorJitter({ brightness: [0, 1e308] }), 'from 0 to 1000000, got 1e+308'],
    ['a max of 1e300', () => colorJitter({ max: 1e300 }), 'colorJitter: max must be a finite number'],
    ['a fill of 1e300', () => cutout({ size: 1, fill: 1e300 }), 'fill must be a finite number from -3.402'],
    ['a range with a hole', () => randomScale({ scale: Array(2) as never }), 'scale must be a finite number'],
    ['a hole in the list', () => augment([, horizontalFlip()] as never), 'augment: want a list'], // oxlint-disable-line no-sparse-arrays
    ['two lists', () => (augment as (...all: unknown[]) => unknown)([], {}, []), 'augment: takes 2 arguments, got'],
    ['two augmentations', () => (cutout as (...all: unknown[]) => unknown)({ size: 1 }, 0.5), 'cutout: takes one argument'], // prettier-ignore
    ['no input', () => augment([])(undefined as never, 1), 'want the input of a model, { shape, data }, got undefined'],
    ['an augmentation that gives nothing', () => augment([{ kind: 'mine', config: {}, prepare: () => undefined as never }])(tensor(1, 1, 2, 2), 1), "augment: prepare of 'mine' must be a function that gives"], // prettier-ignore
    [
      'a class for prepare',
      () => augment([{ kind: 'mine', config: {}, prepare: Map as never }]),
      'prepare must be a function',
    ],
    ['an unknown option', () => augment([], { p: 1 } as never), "augment: unknown option 'p'"],
    ['rows', () => augment([])(tensor(2, 5), 2), 'want images, an input of [channels, height, width], got [5]'],
    ['p of 2', () => horizontalFlip({ p: 2 }), 'horizontalFlip: p must be a finite number from 0 to 1, got 2'],
    ['no pad', () => randomCrop({} as never), 'randomCrop: pad must be an integer of at least 0, got undefined'],
    ['a pad of -1', () => randomCrop({ pad: -1 }), 'randomCrop: pad must be'],
    ['three pads', () => randomCrop({ pad: [1, 1, 1] as never }), 'randomCrop: pad must be one or two integers'],
    ['an empty fill', () => cutout({ size: 1, fill: [] }), 'cutout: fill must be a number, or one for each channel'],
    ['a fill of NaN', () => randomRotation({ degrees: 1, fill: NaN }), 'randomRotation: fill must be a finite number'],
    [
      'fills for other channels',
      () => augment([randomCrop({ pad: 1, fill: [1, 2] })])(tensor(1, 3, 2, 2), 1),
      'randomCrop: fill has 2 values, but the images have 3 channels',
    ],
    ['a size of 0', () => cutout({ size: 0 }), 'cutout: size must be an integer of at least 1'],
    ['negative degrees', () => randomRotation({ degrees: -5 }), 'degrees must be a finite number of at least 0'],
    ['a range backward', () => randomRotation({ degrees: [5, 1] }), 'degrees must be a range [min, max], got [5,1]'],
    ['no degrees', () => randomRotation({} as never), 'degrees must be a range [min, max], got undefined'],
    ['one scale', () => randomScale({ scale: 2 as never }), 'randomScale: scale must be a range [min, max], got 2'],
    ['a scale of 0', () => randomScale({ scale: [0, 1] }), 'randomScale: scale must be above 0'],
    ['a brightness of -1', () => colorJitter({ brightness: -1 }), 'brightness must be a finite number of at least 0'],
    ['a negative factor', () => colorJitter({ contrast: [-1, 1] }), 'contrast must be a finite number of at least 0'],
    ['too much hue', () => colorJitter({ hue: 0.6 }), 'colorJitter: hue must be from -0.5 to 0.5, got 0.6'],
    ['a max of 0', () => colorJitter({ max: 0 }), 'colorJitter: max must be above 0'],
    [
      'saturation of gray images',
      () => augment([colorJitter({ saturation: 0.1 })])(tensor(1, 1, 2, 2), 1),
      'colorJitter: an image of 1 channel has no saturation; leave that option out',
    ],
    ['hue of gray images', () => augment([colorJitter({ hue: 0.1 })])(tensor(1, 1, 2, 2), 1), 'has no hue'],
    [
      'two channels',
      () => augment([colorJitter({ brightness: 0.1 })])(tensor(1, 2, 2, 2), 1),
      'want images of 1 or 3 channels, got 2',
    ],
  ])('refuses %s', (_, action, message) => {
    expect(action).toThrow(PlanError)
    expect(action).toThrow(message)
  })
})
