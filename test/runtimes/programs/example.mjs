// A page: uses the page of examples/worker/ as a person would, in a frame. Starts, cancels, starts again and waits for
// the end; what that page said at both ends goes into the <output> of this one.

const frame = document.createElement('iframe')
frame.width = 600
frame.height = 800

/** The element of the example with this id. */
const element = (id) => frame.contentDocument.getElementById(id)

/** The first text of the example that matches; throws one that is not about how far it is. */
async function says(pattern) {
  const output = element('output')
  const texts = new Set()
  await new Promise((resolve, reject) => {
    const look = () => {
      texts.add(output.value)
      if (pattern.test(output.value)) resolve()
      else if (!/^(starting|epoch \d+ of 2000, )/.test(output.value)) reject(new Error(`it says: ${output.value}`))
    }
    new MutationObserver(look).observe(output, { childList: true, characterData: true, subtree: true })
    look()
  })
  return { text: output.value, reports: texts.size }
}

/** Waits until the weights are drawn, and wipes them off. Throws unless each of the three classes has its region. */
async function checkPicture() {
  const { width, height } = element('canvas')
  const context = element('canvas').getContext('2d')
  const pixels = () => context.getImageData(0, 0, width, height).data
  while (!pixels()[3]) await new Promise((resolve) => setTimeout(resolve, 20))
  // Each of the colours has a strongest part of its own; the points, which are not transparent, don't count.
  const areas = [0, 0, 0]
  const data = pixels()
  for (let i = 0; i < data.length; i += 4) {
    const colour = [...data.subarray(i, i + 3)]
    if (data[i + 3] < 255) areas[colour.indexOf(Math.max(...colour))]++
  }
  if (Math.min(...areas) < 0.02 * width * height) throw new Error(`the picture has areas of ${areas} pixels`)
  context.clearRect(0, 0, width, height)
}

function checkButtons(running) {
  if (element('start').disabled !== running || element('cancel').disabled === running) throw new Error('wrong buttons')
}

async function main() {
  const loaded = new Promise((resolve) => (frame.onload = resolve))
  frame.src = '/v128/examples/worker/index.html'
  document.body.append(frame)
  await loaded
  const failed = new Promise((_, reject) => {
    frame.contentWindow.onerror = (message) => reject(new Error(message))
    frame.contentWindow.onunhandledrejection = ({ reason }) => reject(reason)
  })
  const use = async () => {
    checkButtons(false)
    element('start').click()
    checkButtons(true)
    await says(/^epoch [1-9]\d /)
    if (!(element('bar').value > 0)) throw new Error('the bar shows no progress')
    element('cancel').click()
    const cancelled = await says(/^cancelled /)
    checkButtons(false)
    await checkPicture()

    element('start').click()
    const done = await says(/^done /)
    checkButtons(false)
    if (element('bar').value < 0.99) throw new Error(`the bar ends at ${element('bar').value}`)
    await checkPicture()
    return { cancelled: cancelled.text, done: done.text, reports: done.reports }
  }
  document.querySelector('output').textContent = JSON.stringify(await Promise.race([use(), failed]))
}

void main()
