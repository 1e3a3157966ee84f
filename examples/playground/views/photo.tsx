// A picture in colour: one of the examples, or another to try the network on.

import { useEffect, useRef, useState } from 'preact/hooks'
import { pixelsOf } from '../data/own'
import { paintPhoto } from '../draw/photo'
import { picture, showExample } from '../model/look'
import type { Run } from '../model/run'
import { Camera } from './camera'
import { FileButton } from './file-button'
import { Icon } from './icons'

export function PhotoPad({ run }: { run: Run }) {
  const [filming, setFilming] = useState(false)
  const [problem, setProblem] = useState('')
  const shown = picture.value
  const open = async (file: File | undefined) => {
    if (!file) return
    try {
      const image = await createImageBitmap(file)
      picture.value = { raw: pixelsOf(image, image.width, image.height) }
      setProblem('')
    } catch {
      setProblem(`${file.name} is no picture that this browser can read: take a PNG or JPEG.`)
    }
  }
  return (
    <section class="card pad" aria-label="The picture">
      <h2>{shown?.index === undefined ? 'Your picture' : 'An unseen example'}</h2>
      {shown && <Photo raw={shown.raw} side={run.data.input[1]} label="The picture that the network looks at" />}
      {filming && (
        <Camera
          action="Try this"
          onTake={(source, width, height) => (picture.value = { raw: pixelsOf(source, width, height) })}
          onClose={() => setFilming(false)}
          onProblem={setProblem}
        />
      )}
      <div class="row">
        <button onClick={() => showExample(run, (shown?.index ?? -1) + 1)}>
          <Icon name="next" />
          Example
        </button>
        <FileButton accept="image/*" title="A picture from a file" onFiles={([file]) => void open(file)}>
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

export function Photo({ raw, side, label }: { raw: ArrayLike<number>; side: number; label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => {
    if (canvas.current) paintPhoto(canvas.current, raw, side)
  }, [raw, side])
  return <canvas ref={canvas} class="photo" width={side} height={side} role="img" aria-label={label} />
}
