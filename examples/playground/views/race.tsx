// Optimizers on a loss of two weights, side by side.

import { useEffect, useRef, useState } from 'preact/hooks'
import { calm, css, palette } from '../draw/theme'
import { OPTIMIZER_KINDS } from '../model/lessons'
import { RACERS, STEPS, SURFACES, type Surface, walk } from '../model/surfaces'
import { short } from './format'
import { Icon } from './icons'

const [WIDTH, HEIGHT] = [900, 560]
/** Whatever the screen shows in a second. */
const MILLISECONDS_PER_STEP = 65

export function Race() {
  const [surface, setSurface] = useState(SURFACES[0])
  const [power, setPower] = useState(0)
  const [ways, setWays] = useState<Float64Array[]>([])
  const [step, setStep] = useState(0)
  const [races, setRaces] = useState(0)
  const times = 10 ** power
  useEffect(() => {
    let ended = false
    void Promise.all(RACERS.map((name) => walk(name, surface, times))).then((found) => {
      if (!ended) setWays(found)
    })
    return () => {
      ended = true
    }
  }, [surface, power])
  useEffect(() => {
    if (!ways.length) return
    if (calm) {
      setStep(STEPS)
      return
    }
    setStep(0)
    let begun: number | undefined
    let id = requestAnimationFrame(function frame(now) {
      begun ??= now
      const next = Math.floor((now - begun) / MILLISECONDS_PER_STEP)
      setStep(Math.min(next, STEPS))
      if (next < STEPS) id = requestAnimationFrame(frame)
    })
    return () => cancelAnimationFrame(id)
  }, [ways, races])
  const shown = ways.map((way) => {
    const [x, y] = way.subarray(2 * step, 2 * step + 2)
    return surface.f(x, y)
  })
  return (
    <section class="card" aria-label="Optimizers race">
      <h2>Optimizers on a loss of two weights</h2>
      <div class="row presets" role="group" aria-label="Surfaces">
        {SURFACES.map((one) => (
          <button key={one.title} aria-pressed={one === surface} onClick={() => setSurface(one)}>
            {one.title}
          </button>
        ))}
      </div>
      <p class="lesson">
        {surface.text}
        <code>{surface.formula}</code>
      </p>
      <Field surface={surface} ways={ways} step={step} />
      <div class="race-bar">
        <button class="primary" onClick={() => setRaces(races + 1)}>
          <Icon name="play" />
          Race again
        </button>
        <label class="slider">
          <span>
            All rates <strong>{`× ${short(times)}`}</strong>
          </span>
          <input
            type="range"
            min={-1}
            max={0.6}
            step={0.05}
            value={power}
            aria-valuetext={`times ${short(times)}`}
            onInput={(event) => setPower(Number(event.currentTarget.value))}
          />
        </label>
        <span class="soft">{`step ${step} of ${STEPS}`}</span>
      </div>
      <ul class="racers">
        {RACERS.map((name, i) => (
          <li key={name}>
            <span class="dot" style={{ background: css(palette.value.series[i]) }} />
            <span>{OPTIMIZER_KINDS[name].title}</span>
            <span class="soft">{`rate ${short(surface.rates[name] * times)}`}</span>
            <strong>{shown[i] === undefined ? '–' : Math.abs(shown[i]) > 1e6 ? 'gone' : shown[i].toFixed(4)}</strong>
          </li>
        ))}
      </ul>
    </section>
  )
}

interface FieldProps {
  surface: Surface
  ways: readonly Float64Array[]
  step: number
}

function Field({ surface, ways, step }: FieldProps) {
  const back = useRef<HTMLCanvasElement>(null)
  const front = useRef<HTMLCanvasElement>(null)
  const colours = palette.value
  useEffect(() => drawSurface(back.current!, surface), [surface, colours])
  useEffect(() => {
    const context = front.current!.getContext('2d')!
    context.clearRect(0, 0, WIDTH, HEIGHT)
    const [toX, toY] = scales(surface)
    ways.forEach((way, i) => {
      context.strokeStyle = css(colours.series[i])
      context.fillStyle = css(colours.series[i])
      context.lineWidth = 3
      context.lineJoin = 'round'
      context.beginPath()
      for (let at = 0; at <= step; at++) context.lineTo(toX(way[2 * at]), toY(way[2 * at + 1]))
      context.stroke()
      context.beginPath()
      context.arc(toX(way[2 * step]), toY(way[2 * step + 1]), 8, 0, 7)
      context.fill()
      context.lineWidth = 2
      context.strokeStyle = css(colours.paper)
      context.stroke()
    })
  }, [ways, step, colours, surface])
  return (
    <div class="field">
      <canvas ref={back} width={WIDTH} height={HEIGHT} aria-hidden="true" />
      <canvas
        ref={front}
        width={WIDTH}
        height={HEIGHT}
        role="img"
        aria-label={`The ways of ${RACERS.length} optimizers over the surface ${surface.title}; the losses stand below`}
      />
    </div>
  )
}

function scales({ x: [left, right], y: [low, high] }: Surface) {
  return [
    (x: number) => ((x - left) / (right - left)) * WIDTH,
    (y: number) => HEIGHT - ((y - low) / (high - low)) * HEIGHT,
  ] as const
}

const BANDS = 14

/** Bands of equal loss, the deeper the darker. */
function drawSurface(canvas: HTMLCanvasElement, { f, x: [left, right], y: [low, high] }: Surface): void {
  const context = canvas.getContext('2d')!
  const image = context.createImageData(WIDTH, HEIGHT)
  const values = new Float64Array(WIDTH * HEIGHT)
  let [least, most] = [Infinity, -Infinity]
  for (let i = 0; i < values.length; i++) {
    const x = left + ((i % WIDTH) / WIDTH) * (right - left)
    const y = high - (Math.floor(i / WIDTH) / HEIGHT) * (high - low)
    values[i] = f(x, y)
    least = Math.min(least, values[i])
    most = Math.max(most, values[i])
  }
  const { paper, soft } = palette.value
  for (let i = 0; i < values.length; i++) {
    // A root, so that there are lines at the bottom as well.
    const level = Math.floor(Math.sqrt((values[i] - least) / (most - least)) * BANDS) / BANDS
    const share = 0.42 * (1 - level)
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = paper[c] + share * (soft[c] - paper[c])
    image.data[4 * i + 3] = 255
  }
  context.putImageData(image, 0, 0)
}
