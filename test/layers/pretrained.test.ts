// Files of networks as torchvision and timm have them, trained and written by PyTorch (test/fixtures/ours/pretrained.py): each
// architecture takes its twin's by name, and gives PyTorch's scores for it. One file is stored; for the others PyTorch is
// asked, where there is Debian's; with REQUIRE_SERVERS=all they fail without it. PRETRAINED=all has those of gigabytes too.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  alexNet,
  cifarResNet20,
  googLeNet,
  mobileNetV1,
  mobileNetV2,
  resNet18,
  resNet34,
  resNet50,
  scaling,
  timmNames,
  vgg11,
  vgg16,
} from '../../src/entries/architectures'
import {
  type Layer,
  createModel,
  decodeSafetensors,
  encodeSafetensors,
  normalize,
  relu,
  sequential,
} from '../../src/entries/index'
import { demanded } from '../support/servers.js'

const STORED = join(import.meta.dirname, '../fixtures/ours')
const SCRIPT = join(STORED, 'pretrained.py')
const hasTorch = demanded || existsSync('/usr/lib/python3/dist-packages/torch')

type Rename = (name: string) => string | undefined
/** A network, the size of its images, how their pixels are scaled, and how it is called in the file. */
type Row = [name: string, network: () => Layer, size: number, scale: Parameters<typeof scaling>[0], rename?: Rename]

const withoutAuxiliary: Rename = (name) => (name.startsWith('aux') ? undefined : name)
const v1 = () => mobileNetV1({ width: 0.5, activation: () => relu({ max: 6 }) })
const asked: Row[] = [
  ['resnet18', resNet18, 64, 'imagenet'],
  ['mobilenet_v2', mobileNetV2, 64, 'imagenet'],
  ['googlenet', googLeNet, 64, 'inception', withoutAuxiliary],
  ['cifar_resnet20', () => cifarResNet20({ shortcut: 'B' }), 32, 'imagenet'],
  ['timm_mobilenet_v2', () => mobileNetV2({ width: 0.5 }), 64, 'imagenet', timmNames('mobileNetV2')],
  ['timm_mobilenet_v1', v1, 64, 'inception', timmNames('mobileNetV1')],
]
if (process.env.PRETRAINED === 'all') {
  asked.push(
    ['resnet34', resNet34, 64, 'imagenet'],
    ['resnet50', resNet50, 64, 'imagenet'],
    ['alexnet', alexNet, 224, 'imagenet'],
    ['vgg11', vgg11, 224, 'imagenet'],
    ['vgg16', vgg16, 224, 'imagenet'],
    ['vgg16_bn', () => vgg16({ batchNorm: true }), 224, 'imagenet'],
  )
}
const tiny: Row = ['mobilenet_v2_tiny', () => mobileNetV2({ width: 0.1, classes: 5 }), 48, 'imagenet']

/** Those of pixels in pretrained.py. */
const pixels = (size: number) =>
  Float64Array.from({ length: 2 * 3 * size * size }, (_, i) => ((i * 7919 + Math.floor(i / 64) * 31) % 251) / 250)

async function compare(
  folder: string,
  [name, network, size, scale, rename = (own) => own]: Row,
  dtype: 'float32' | 'float64',
) {
  const model = await createModel(
    sequential({ pixels: normalize(scaling(scale, { max: 1 })), net: network() }),
    // Winograd's convolutions would lose the last bits.
    { input: [3, size, size], batch: 2, inference: true, dtype, algorithm: 'direct' },
  )
  const bytes = readFileSync(join(folder, `${name}.safetensors`))
  const inside: Rename = (own) => {
    const found = rename(own)
    return found && `net.${found}`
  }
  // All of the file, and all of the network but what scales the pixels.
  const { missing, mismatched, unexpected } = model.load(bytes, { rename: inside, strict: false })
  expect([missing, mismatched, unexpected]).toEqual([['pixels.mean', 'pixels.std'], [], []])
  const { data } = model.predict(pixels(size))
  const { data: wanted } = decodeSafetensors(readFileSync(join(folder, `${name}.answers.safetensors`))).get('scores')!
  expect(data.length).toBe(wanted.length)
  const most = Math.max(...wanted.map(Math.abs))
  const apart = Math.max(...data.map((value, i) => Math.abs(value - wanted[i]))) / most
  model.close()
  return apart
}

const precisions = [
  ['float64', 1e-12],
  ['float32', 1e-5],
] as const

test.each(precisions)("the stored file of torchvision's mobilenet_v2, in %s", async (dtype, most) => {
  expect(await compare(STORED, tiny, dtype)).toBeLessThan(most)
})

describe.skipIf(!hasTorch)('by PyTorch', () => {
  const folder = mkdtempSync(join(tmpdir(), 'v128-pretrained-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  beforeAll(async () => {
    const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
    await promisify(execFile)('/usr/bin/python3', [SCRIPT, folder, ...asked.map(([name]) => name)], { env })
  }, 600_000)

  describe.each(asked)('%s', (...row) => {
    test.each(precisions)(
      'has the same scores in %s',
      async (dtype, most) => {
        const apart = await compare(folder, row, dtype)
        if (process.env.PRETRAINED) console.log(row[0], dtype, apart)
        expect(apart).toBeLessThan(most)
      },
      600_000,
    )
  })
})

describe('load', () => {
  const bytes = readFileSync(join(STORED, 'mobilenet_v2_tiny.safetensors'))
  const other = (options: object) =>
    createModel(mobileNetV2({ width: 0.1, ...options }), { input: [3, 32, 32], batch: 1, inference: true })

  test('names what a file of other classes leaves out', async () => {
    const model = await other({ classes: 3 })
    expect(() => model.load(bytes)).toThrow(
      /^weights: 'classifier\.1\.weight' is \(5, 1280\) in the file, \(3, 1280\) here; \{ strict: false \} loads what fits/,
    )
    expect(model.load(bytes, { strict: false })).toEqual({
      missing: [],
      mismatched: ['classifier.1.weight', 'classifier.1.bias'],
      unexpected: [],
    })
    const named = model.load(bytes, { strict: false, rename: (name) => name.replace('classifier.1', 'head') })
    expect(named).toEqual({
      missing: ['classifier.1.weight', 'classifier.1.bias'],
      mismatched: [],
      unexpected: ['head.weight', 'head.bias'],
    })
  })

  test('takes names from rename, and refuses what is none', async () => {
    const model = await other({ classes: 5 })
    const own = model.save()
    const prefixed = [...decodeSafetensors(own)].map(([name, tensor]) => [`module.${name}`, tensor])
    const file = encodeSafetensors(Object.fromEntries(prefixed))
    expect(() => model.load(file)).toThrow(
      /the file has no 'features\.0\.0\.weight'; it is of another model: it has module\./,
    )
    model.load(file, { rename: (name) => name.replace('module.', '') })
    expect(Buffer.compare(model.save(), own)).toBe(0)
    expect(() => model.load(file, { rename: () => 'one' })).toThrow(
      /^load: rename gives 'module\.features\.0\.0\.weight' and 'module\.features\.0\.1\.weight' one name, 'one'/,
    )
    expect(() => model.load(file, { rename: () => 3 as never })).toThrow(
      /^load: rename\('module\..*must be a name, .* got 3/,
    )
    expect(() => model.load(file, { rename: 'module.' as never })).toThrow(/^load: rename must be a function/)
    const fail = () => {
      throw new Error('no')
    }
    expect(() => model.load(file, { rename: fail })).toThrow(/^load: rename\('module.* cannot be read/)
    expect(Buffer.compare(model.save(), own)).toBe(0)
  })
})

test('timmNames leaves what it does not know as it is', () => {
  for (const network of ['mobileNetV1', 'mobileNetV2'] as const) {
    for (const name of ['blocks.1.0.constructor.weight', 'constructor.weight', 'blocks.1.0.se.conv.weight', 'other'])
      expect(timmNames(network)(name)).toBe(name)
  }
})

test('scaling', () => {
  expect(scaling('imagenet', { max: 1 })).toEqual({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] })
  expect(scaling('inception')).toEqual({ mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] })
  expect(scaling('caffe')).toEqual({ mean: [103.939, 116.779, 123.68], std: [1, 1, 1] })
  expect(() => scaling('coco' as never)).toThrow(/^scaling: of must be 'imagenet', 'inception', 'caffe', got "coco"/)
  expect(() => scaling('caffe', { max: 0 })).toThrow(/^scaling: max must be/)
})
