// The plane: examples as dots, and behind them what the network thinks of each place.

import { useEffect, useRef } from 'preact/hooks'
import { css, palette } from '../draw/theme'
import { picture } from '../model/look'
import { GRID, keepSurveying, plane, reachOf } from '../model/plane'
import type { Run } from '../model/run'

const SIDE = 560

export function PlaneView({ run }: { run: Run }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const found = plane.value?.run === run ? plane.value : undefined
  const colours = palette.value
  const shown = picture.value
  const reach = reachOf(run.data)
  useEffect(keepSurveying, [])
  useEffect(() => {
    const context = canvas.current!.getContext('2d')!
    context.fillStyle = css(colours.paper)
    context.fillRect(0, 0, SIDE, SIDE)
    if (found) {
      const small = document.createElement('canvas')
      Object.assign(small, { width: GRID, height: GRID })
      const inner = small.getContext('2d')!
      const image = inner.createImageData(GRID, GRID)
      found.best.forEach((label, i) => {
        const share = 0.5 * Math.max(0, (found.sure[i] - 1 / 3) * 1.5)
        const colour = colours.series[label]
        for (let c = 0; c < 3; c++) image.data[4 * i + c] = colours.paper[c] + share * (colour[c] - colours.paper[c])
        image.data[4 * i + 3] = 255
      })
      inner.putImageData(image, 0, 0)
      context.imageSmoothingEnabled = true
      context.drawImage(small, 0, 0, SIDE, SIDE)
    }
    const to = (v: number) => ((v + reach) / (2 * reach)) * SIDE
    for (const [part, size] of [
      [run.data.train, 4],
      [run.data.test, 6],
    ] as const) {
      part.y.forEach((label, i) => {
        context.beginPath()
        context.arc(to(part.x[2 * i]), to(-part.x[2 * i + 1]), size, 0, 7)
        Object.assign(context, {
          fillStyle: css(colours.series[label]),
          strokeStyle: css(colours.paper),
          lineWidth: 1.5,
        })
        if (part === run.data.test) {
          Object.assign(context, {
            fillStyle: css(colours.paper),
            strokeStyle: css(colours.series[label]),
            lineWidth: 2.5,
          })
        }
        context.fill()
        context.stroke()
      })
    }
    if (shown?.raw.length === 2) {
      context.beginPath()
      context.arc(to(shown.raw[0]), to(-shown.raw[1]), 11, 0, 7)
      Object.assign(context, { strokeStyle: css(colours.ink), lineWidth: 3 })
      context.stroke()
    }
  }, [found, colours, run, shown])
  const pick = (event: MouseEvent) => {
    const { left, top, width } = canvas.current!.getBoundingClientRect()
    const from = (v: number) => (v / width) * 2 * reach - reach
    picture.value = { raw: Float32Array.of(from(event.clientX - left), -from(event.clientY - top)) }
  }
  return (
    <section class="card plane" aria-label="The plane">
      <h2>{run.data.title}</h2>
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label={`${run.data.title}: each place has the colour of the class that the network sees there`}
        onClick={pick}
      />
      <p class="soft">Filled dots teach, hollow ones test. Click anywhere to send that place through the layers.</p>
    </section>
  )
}
