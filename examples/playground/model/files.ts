// Files that are taken along and brought back.

import { type Layer, encodeSafetensors, loadModel, readMetadata } from 'v128'
import type { AnyModel, Imported } from 'v128/onnx'
import { layerOf, plan } from './build'
import { LAYER_KINDS } from './lessons'
import type { Checkpoint, Run } from './run'
import type { LayerSpec } from './setting'
import { type Recipe, checkRecipe, recipeOf } from './share'
import { setPlaying, trouble, adopt } from './store'

export function download(name: string, content: BlobPart, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement('a')
  Object.assign(link, { href: url, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

/** What this page has to know to go on with a file of its own. */
function sayWhere(run: Run): void {
  const { setting, events } = recipeOf(run) ?? { setting: run.setting, events: [] }
  const playground = { setting, events, step: run.step, isWhole: run.isWhole }
  run.model!.metadata = { classes: run.data.classes, playground } as Record<string, unknown>
}

export async function takeModel(run: Run): Promise<void> {
  await run.pause()
  sayWhere(run)
  download('model.safetensors', await run.model!.save(), 'application/octet-stream')
}

export async function takeCheckpoint(run: Run): Promise<void> {
  await run.pause()
  sayWhere(run)
  download('checkpoint.safetensors', await run.model!.checkpoint(), 'application/octet-stream')
}

/** What stands in the way, for people: without the name of the library's function. */
function say(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error)
  trouble.value = text.replace(/^(?:from|to)[A-Z]\w+: (.)/, (_, first: string) => first.toUpperCase())
}

/** For other programs: the model, which is in a worker, once more on the page, where `write` has it whole. */
async function takeForeign(run: Run, write: (model: AnyModel) => Promise<void>): Promise<void> {
  try {
    await run.pause()
    const model = await loadModel(await run.model!.save(), { inference: true })
    await write(model).finally(() => model.close())
  } catch (error) {
    say(error)
  }
}

export const takeOnnx = (run: Run): Promise<void> =>
  takeForeign(run, async (model) => {
    const { toOnnx } = await import('v128/onnx')
    download('model.onnx', toOnnx(model, { dtype: 'float32' }), 'application/octet-stream')
  })

export const takeTfjs = (run: Run): Promise<void> =>
  takeForeign(run, async (model) => {
    const { toTfjs } = await import('v128/tfjs')
    const { modelJson, weights } = toTfjs(model)
    download('model.json', JSON.stringify(modelJson), 'application/json')
    download(modelJson.weightsManifest[0].paths[0], weights, 'application/octet-stream')
  })

export const takeData = ({ data }: Run): void =>
  download(
    'data.json',
    JSON.stringify({ x: Array.from(data.train.x), y: Array.from(data.train.y) }),
    'application/json',
  )

/** Goes on with a file of this page where it was taken, or with the network of another program from step 0. */
export async function bring(files: readonly File[], run: Run): Promise<void> {
  try {
    if (files.some(({ name }) => /\.(onnx|json|bin)$/i.test(name))) await bringForeign(files, run)
    else await bringOwn(files[0])
  } catch (error) {
    say(error)
  }
}

const bytesOf = async (file: File) => new Uint8Array(await file.arrayBuffer())

async function bringOwn(file: File): Promise<void> {
  const bytes = await bytesOf(file)
  const own = JSON.parse(readMetadata(bytes)['v128.metadata'] ?? '{}') as {
    playground?: { step?: number; isWhole?: boolean }
  }
  if (!own.playground) {
    throw new Error(`${file.name} is no file of this page: it does not say how the network was trained.`)
  }
  const { step = 0, isWhole = true } = own.playground
  await start(checkRecipe(own.playground), step, bytes, isWhole)
}

async function start(recipe: Recipe, step: number, bytes: Checkpoint['bytes'], isWhole: boolean): Promise<void> {
  setPlaying(false)
  await adopt(recipe, { step, bytes, hash: '', loss: NaN, accuracy: NaN }, isWhole)
}

/** On the data that are shown, and as they are trained on. */
async function bringForeign(files: readonly File[], { data, setting: old }: Run): Promise<void> {
  const { network, input, weights } = await readForeign(files)
  const shown = (shape: readonly number[]) => shape.join(' × ')
  if (Array.isArray(input) && input.join() !== data.input.join()) {
    throw new Error(
      `The network of the file takes ${shown(input)} numbers, but an example of “${data.title}” has ${shown(data.input)}.`,
    )
  }
  const chain = chainOf(network)
  const endsInSoftmax = chain.at(-1)?.layer.kind === 'softmax'
  if (endsInSoftmax) chain.pop()
  const setting = { ...old, layers: chain.map(specOf) }
  const { problem } = plan(setting, data.input, data.classes.length)
  if (problem) throw new Error(problem)
  const own = chain.flatMap(({ path }, i) =>
    Object.entries(weights)
      .filter(([name]) => name.startsWith(path))
      .map(([name, value]) => [`${i}.${name.slice(path.length)}`, value] as const),
  )
  await start({ setting, events: [] }, 0, encodeSafetensors(Object.fromEntries(own)), false)
  if (endsInSoftmax) trouble.value = 'The softmax at the end of the network was left out, since the loss has one.'
}

async function readForeign(files: readonly File[]): Promise<Imported> {
  const one = (ending: string) => files.find(({ name }) => name.toLowerCase().endsWith(ending))
  const [onnx, json] = [one('.onnx'), one('.json')]
  if (onnx) return (await import('v128/onnx')).fromOnnx(await bytesOf(onnx))
  if (!json) throw new Error('Of TensorFlow.js, choose model.json and its .bin files, all at once.')
  const parts = files.filter((file) => file !== json)
  const bytes = await Promise.all(parts.map(async (file) => [file.name, await bytesOf(file)] as const))
  return (await import('v128/tfjs')).fromTfjs(await json.text(), Object.fromEntries(bytes))
}

/** A layer, and what the names of its weights begin with. */
interface Link {
  readonly path: string
  readonly layer: Layer
}

/** Options that have no box, and are kept as they are: every program has an epsilon of its own. */
const KEPT = new Set(['axes', 'bias', 'countPad', 'epsilon'])

/** The layers of a network, one after the other. Throws an Error, for people, where they are no chain. */
function chainOf(network: Layer, path = ''): Link[] {
  const { kind, children, wiring } = network
  if (!children) return [{ path, layer: network }]
  const isChain = wiring
    ? wiring.outputs.join() === wiring.uses.at(-1)?.id &&
      wiring.uses.every(({ child, of }, i) => child === i && of.join() === (wiring.uses[i - 1]?.id ?? wiring.inputs[0]))
    : kind === 'sequential'
  if (!isChain) {
    throw new Error(
      `This page has layers that follow one another, but in the network of the file there is a ${kind}, where values ` +
        'branch, join or are frozen.',
    )
  }
  return children.flatMap(([name, child]) => chainOf(child, `${path}${name}.`))
}

/** The layer as this page describes it. Throws an Error, for people, where it has no box for it. */
function specOf({ path, layer: { kind, config } }: Link): LayerSpec {
  const name = `“${path.slice(0, -1)}”`
  const given = plainOf(config)
  // All in one row, as toOnnx writes it.
  if (kind === 'reshape' && (config as { shape: readonly number[] }).shape.length === 1)
    return { kind: 'flatten', config: {} }
  if (!Object.hasOwn(LAYER_KINDS, kind)) {
    throw new Error(`This page has no box for a layer of the kind ${kind}, which ${name} of the file is.`)
  }
  const fields = LAYER_KINDS[kind].fields.map((field) => field.name)
  const own: LayerSpec['config'] = Object.fromEntries(fields.map((field) => [field, given[field]]))
  const refuse = (option: string): never => {
    throw new Error(`This page has no box for ${option}: ${JSON.stringify(given[option])} of ${name}, a ${kind}.`)
  }
  for (const field of fields) if (typeof own[field] !== 'number') refuse(field)
  const usual = plainOf(layerOf({ kind, config: own }, '').config)
  for (const [option, value] of Object.entries(given)) {
    if (JSON.stringify(value) === JSON.stringify(usual[option])) continue
    if (!KEPT.has(option)) refuse(option)
    own[option] = value
  }
  return { kind, config: own }
}

/** Options as the boxes have them: one number where all directions have the same. */
function plainOf(config: object): Record<string, unknown> {
  const plain = Object.fromEntries(Object.entries(config).map(([name, value]) => [name, numberOf(value)]))
  const { kernel, stride, dilation, pad } = plain
  if (pad === 'same' && stride === 1 && dilation === 1 && Number(kernel) % 2 === 1) plain.pad = (Number(kernel) - 1) / 2
  return plain
}

function numberOf(value: unknown): unknown {
  if (Array.isArray(value) && value.every((one) => one === value[0])) return value[0]
  if (typeof value !== 'number') return value
  // 0.01 in float32 is 0.009999999776482582.
  const short = Number(value.toPrecision(7))
  return Math.fround(short) === Math.fround(value) ? short : value
}

/** The curves as they stand there, on one picture. */
export function takePicture(): void {
  const charts = [...document.querySelectorAll<HTMLElement>('.run .chart')]
  const parts = charts.flatMap((chart) => {
    const canvas = chart.querySelector('canvas')
    return canvas ? [{ title: chart.querySelector('figcaption')!.textContent, canvas }] : []
  })
  if (!parts.length) {
    trouble.value = 'There are no curves yet: let it train for some steps first.'
    return
  }
  const scale = devicePixelRatio
  const width = Math.max(...parts.map(({ canvas }) => canvas.width)) + 32 * scale
  const height = parts.reduce((sum, { canvas }) => sum + canvas.height + 34 * scale, 16 * scale)
  const whole = document.createElement('canvas')
  Object.assign(whole, { width, height })
  const context = whole.getContext('2d')!
  const style = getComputedStyle(document.documentElement)
  context.fillStyle = style.getPropertyValue('--ground')
  context.fillRect(0, 0, width, height)
  let y = 16 * scale
  for (const { title, canvas } of parts) {
    context.fillStyle = style.getPropertyValue('--ink')
    context.font = `${13 * scale}px system-ui, sans-serif`
    context.fillText(title, 16 * scale, y + 12 * scale)
    context.drawImage(canvas, 16 * scale, y + 20 * scale)
    y += canvas.height + 34 * scale
  }
  whole.toBlob((blob) => blob && download('curves.png', blob, 'image/png'))
}
