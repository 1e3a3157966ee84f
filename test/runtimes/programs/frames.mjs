// A page: the frames of an animation while the same thread does nothing, and while it trains the CNN of
// examples/mnist.js in each precision, go into its <output>.
import { createImages, createMnist } from './mnist.mjs'

const FRAME = 1000 / 60
/** How long each precision trains; rest is a quarter of it. */
const MILLISECONDS = 4000
const moving = document.getElementById('moving')

/** Moves something while `work(seen)` runs, where `seen` is told of each frame; returns what became of the frames. */
async function watch(work) {
  const seen = { frame: () => {} }
  const gaps = []
  let frames = 0
  let last = performance.now()
  let request = requestAnimationFrame(function frame(time) {
    gaps.push(time - last)
    last = time
    frames++
    moving.style.transform = `translateX(${Math.round(time / 10) % 200}px)`
    seen.frame()
    request = requestAnimationFrame(frame)
  })
  const rest = await work(seen)
  cancelAnimationFrame(request)
  gaps.push(performance.now() - last)
  const dropped = gaps.reduce((sum, gap) => sum + Math.max(0, Math.round(gap / FRAME) - 1), 0)
  return { frames, dropped, longest: Math.max(...gaps), ...rest }
}

/** Also tells how many frames were shown within a step, not between two. */
async function train(dtype) {
  const model = await createMnist(dtype)
  const data = createImages(640)
  await model.fit(data)
  return watch(async (seen) => {
    let inStep = false
    let within = 0
    seen.frame = () => {
      if (inStep) within++
    }
    const start = performance.now()
    const { steps } = await model.fit(data, {
      epochs: 1e6,
      transform() {
        inStep = true
      },
      onBatch() {
        inStep = false
        return performance.now() - start < MILLISECONDS
      },
    })
    return { within, ms: (performance.now() - start) / steps }
  })
}

async function main() {
  const results = {
    idle: await watch(() => new Promise((resolve) => setTimeout(resolve, MILLISECONDS / 4))),
    float64: await train('float64'),
    float32: await train('float32'),
  }
  document.querySelector('output').textContent = JSON.stringify(results)
}

void main()
