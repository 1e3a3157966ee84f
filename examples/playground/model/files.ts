// Files that are taken along and brought back.

import { readMetadata } from 'v128'
import type { Checkpoint, Run } from './run'
import { checkRecipe, recipeOf } from './share'
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
  const classes = run.data.classes
  run.model!.metadata = { classes, playground: { setting, events, step: run.step } } as Record<string, unknown>
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

export const takeData = ({ data }: Run): void =>
  download(
    'data.json',
    JSON.stringify({ x: Array.from(data.train.x), y: Array.from(data.train.y) }),
    'application/json',
  )

/** Goes on where a file of this page was taken. */
export async function bring(file: File): Promise<void> {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer())
    const own = JSON.parse(readMetadata(bytes)['v128.metadata'] ?? '{}') as { playground?: { step?: number } }
    if (!own.playground) {
      throw new Error(`${file.name} is no file of this page: it does not say how the network was trained.`)
    }
    const { setting, events } = checkRecipe(own.playground)
    const checkpoint: Checkpoint = { step: own.playground.step ?? 0, bytes, hash: '', loss: NaN, accuracy: NaN }
    setPlaying(false)
    await adopt({ setting, events }, checkpoint)
  } catch (error) {
    trouble.value = error instanceof Error ? error.message : String(error)
  }
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
