// Where a digit comes from: the examples, a finger, a file, a camera.

import { useEffect, useRef, useState } from 'preact/hooks'
import { digitOf } from '../draw/digit'
import { paintInk } from '../draw/maps'
import { css, palette } from '../draw/theme'
import { picture, showExample } from '../model/look'
import type { Run } from '../model/run'
import { FileButton } from './file-button'
import { Icon } from './icons'
import { lazy } from './lazy'

const Camera = lazy(
  () => import('./camera'),
  ({ Camera }) => Camera,
)

const SIDE = 280
const WIDTH = 24

export function Pad({ run }: { run: Run }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [problem, setProblem] = useState('')
  const [filming, setFilming] = useState(false)
  const last = useRef<[number, number]>(undefined)
  const shown = picture.value
  const colours = palette.value
  const isDrawn = shown !== undefined && shown.index === undefined

  useEffect(() => {
    // Strokes stay as they were drawn; an example is painted over the whole pad.
    if (isDrawn || !shown || !canvas.current) return
    const small = document.createElement('canvas')
    paintInk(small, { data: shown.raw, offset: 0, height: 28, width: 28 })
    const context = canvas.current.getContext('2d')!
    context.clearRect(0, 0, SIDE, SIDE)
    context.imageSmoothingEnabled = false
    context.drawImage(small, 0, 0, SIDE, SIDE)
  }, [shown, colours])

  const read = (photo = false) => {
    const digit = digitOf(canvas.current!, photo)
    picture.value = { raw: digit ?? new Float32Array(784) }
    return digit
  }
  const clear = () => {
    canvas.current!.getContext('2d')!.clearRect(0, 0, SIDE, SIDE)
    picture.value = { raw: new Float32Array(784) }
    setProblem('')
  }
  const at = (event: PointerEvent): [number, number] => {
    const { left, top, width } = canvas.current!.getBoundingClientRect()
    return [((event.clientX - left) / width) * SIDE, ((event.clientY - top) / width) * SIDE]
  }
  const begin = (event: PointerEvent) => {
    event.preventDefault()
    if (!isDrawn) clear()
    canvas.current!.setPointerCapture(event.pointerId)
    last.current = at(event)
    stroke(event)
  }
  const stroke = (event: PointerEvent) => {
    if (!last.current) return
    const context = canvas.current!.getContext('2d')!
    const to = at(event)
    Object.assign(context, { lineWidth: WIDTH, lineCap: 'round', lineJoin: 'round', strokeStyle: css(colours.ink) })
    context.beginPath()
    context.moveTo(...last.current)
    context.lineTo(to[0] + 0.01, to[1])
    context.stroke()
    last.current = to
    read()
  }
  const take = (source: CanvasImageSource, width: number, height: number) => {
    const context = canvas.current!.getContext('2d')!
    const side = Math.min(width, height)
    context.clearRect(0, 0, SIDE, SIDE)
    context.drawImage(source, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE)
    setProblem(read(true) ? '' : 'There is no digit to be seen in it: dark ink on light paper works best.')
  }
  const open = async (file: File | undefined) => {
    if (!file) return
    try {
      const image = await createImageBitmap(file)
      take(image, image.width, image.height)
    } catch {
      setProblem(`${file.name} is no picture that this browser can read: take a PNG or JPEG.`)
    }
  }
  const drop = (event: DragEvent) => {
    event.preventDefault()
    void open(event.dataTransfer?.files[0])
  }

  return (
    <section class="card pad" aria-label="The digit" onDragOver={(event) => event.preventDefault()} onDrop={drop}>
      <h2>{isDrawn ? 'Your digit' : 'Draw a digit here'}</h2>
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label={
          isDrawn
            ? 'What you drew'
            : `Example ${shown?.index}, a ${run.data.classes[shown?.label ?? 0]}. Draw over it with mouse, finger or pen.`
        }
        onPointerDown={begin}
        onPointerMove={stroke}
        onPointerUp={() => (last.current = undefined)}
        onPointerCancel={() => (last.current = undefined)}
      />
      {filming && <Camera onTake={take} onClose={() => setFilming(false)} onProblem={setProblem} />}
      <div class="row">
        <button onClick={() => showExample(run, (shown?.index ?? 6) + 1)}>
          <Icon name="next" />
          Example
        </button>
        <button onClick={clear} aria-label="Clear the pad" title="Clear">
          <Icon name="clear" />
        </button>
        <FileButton
          accept="image/*"
          title="A picture from a file; you may drop it here as well"
          onFiles={([file]) => void open(file)}
        >
          <span class="hidden">A picture from a file</span>
        </FileButton>
        <button onClick={() => setFilming(!filming)} aria-label="Camera" aria-pressed={filming} title="Camera">
          <Icon name="camera" />
        </button>
      </div>
      {problem && (
        <p class="note" role="alert">
          {problem}
        </p>
      )}
    </section>
  )
}
