// For everybody: nothing that axe finds, in both themes and two widths; the keyboard; no network; no WebAssembly; no camera.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright'
import { describe, expect, inject, test } from 'vitest'
import { NAMES, leave, openTab, pause, steps, visit } from './browsers'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const TABS = [
  'Watch',
  'Look inside',
  'Mistakes',
  'Change it',
  'Rewind, compare',
  'Repair',
  'Other data',
  'Optimizers',
  'Take along',
]

/** Opens it, and waits until it shows what it is for, which is what comes of `aria-labelledby`, not the tab before it. */
async function see(page: Page, name: string): Promise<void> {
  await openTab(page, name)
  await page.getByRole('tabpanel', { name }).locator('.card').first().waitFor()
}

/** A task of a thread, as traces have it; times are in microseconds, tdur that of the processor. */
interface Task {
  name: string
  pid: number
  tid: number
  tdur?: number
  args: { name?: string }
}

/** For which frames are counted. */
const SECONDS = 4

/** What axe finds, in short. */
async function faults(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate(async () => (globalThis as any).axe.run(document))
  return (violations as { id: string; nodes: { html: string; failureSummary: string }[] }[]).map(
    ({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)} ${nodes[0].failureSummary}`,
  )
}

describe.each([
  { colorScheme: 'light', width: 360 },
  { colorScheme: 'dark', width: 1280 },
] as const)('$colorScheme, $width wide', ({ colorScheme, width }) => {
  test('axe finds nothing, and nothing is wider than the page', async () => {
    const page = await visit('chromium', { colorScheme, viewport: { width, height: 800 } })
    await page.evaluate(axe)
    await steps(page, 30)
    for (const name of TABS) {
      await see(page, name)
      await page.locator('details.group').evaluateAll((all) => {
        for (const one of all) (one as HTMLDetailsElement).open = true
      })
      expect(await faults(page), name).toEqual([])
      const [wide, whole] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      expect(wide, name).toBeLessThanOrEqual(whole)
    }
    await leave(page)
  })
})

test('many steps of a long training fit on a narrow page', async () => {
  const page = await visit('chromium', { viewport: { width: 360, height: 800 } })
  await steps(page, 5)
  await pause(page)
  const wide = await page.evaluate(() => {
    const write = (field: Element, text: string) => (field.textContent = text)
    const fields = [...document.querySelectorAll('.numbers dd')]
    ;['100.0 %', '0.00123', '123,456', '1928 + 99 %'].forEach((text, i) => write(fields[i], text))
    return document.documentElement.scrollWidth
  })
  expect(wide).toBeLessThanOrEqual(360)
  await leave(page)
})

test('the keyboard alone: tabs, controls, sliders', async () => {
  const page = await visit('chromium')
  await steps(page, 5)
  await page.getByRole('tab', { name: 'Watch' }).focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  await expect.poll(() => page.getByRole('tab', { name: 'Mistakes' }).getAttribute('aria-selected')).toBe('true')
  await page.getByRole('button', { name: 'Pause' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Train', exact: true }).waitFor()
  await leave(page)
})

test('without a network it opens once more', async () => {
  const page = await visit('chromium')
  await steps(page, 1)
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await page.context().setOffline(true)
  await page.reload()
  await steps(page, 5)
  for (const name of TABS) await see(page, name)
  await leave(page)
})

test.each(NAMES)('in %s a part of the page that does not load can be asked for again', async (name) => {
  const page = await visit(name, { serviceWorkers: 'block' })
  await steps(page, 5)
  await page.route('**/assets/rewind*', (route) => route.abort())
  await openTab(page, 'Rewind, compare')
  await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/could not be loaded/)
  await page.unroute('**/assets/rewind*')
  await page.getByRole('button', { name: 'Ask again' }).click()
  await page.getByRole('region', { name: 'Time line' }).waitFor()
  // It says so to the console, too.
  page.errors.length = 0
  await leave(page)
})

test('a worker that never says anything, as Firefox has some, is replaced', async () => {
  const page = await visit('chromium', { address: 'about:blank', serviceWorkers: 'block' })
  let workers = 0
  const headers = { 'content-type': 'text/javascript', 'cross-origin-embedder-policy': 'require-corp' }
  await page.route('**/worker.js', (route) => (workers++ ? route.continue() : route.fulfill({ headers, body: '' })))
  await page.goto(inject('isolated'))
  await steps(page, 1)
  expect(workers).toBe(2)
  await leave(page)
})

test('without WebAssembly it says that it is slower, and works', async () => {
  const page = await visit('chromium', { address: `${inject('plain')}?backend=js` })
  await steps(page, 2)
  await expect.poll(() => page.getByText('runs no WebAssembly').count()).toBe(1)
  await leave(page)
})

test('without a camera, and with a file that is no picture, it says what to do', async () => {
  const page = await visit('firefox')
  await steps(page, 1)
  await page.getByLabel('A picture from a file').setInputFiles({
    name: 'notes.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('no picture'),
  })
  await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/notes.txt is no picture/)
  await page.getByRole('button', { name: 'Camera' }).click()
  await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/camera/)
  await leave(page)
})

test('while the CNN of the README trains no task takes the page longer than 50 ms, and there is room for frames', async () => {
  const page = await visit('chromium')
  await steps(page, 5)
  await openTab(page, 'Change it')
  await page.getByRole('button', { name: 'With batch norm' }).click()
  await page.getByRole('button', { name: 'Begin again with it' }).click()
  await openTab(page, 'Watch')
  await steps(page, 10)
  // Time of the processor, not of the clock: whatever else runs on this machine does not count.
  const chromium = page.context().browser()!
  await chromium.startTracing(page, { categories: ['toplevel', '__metadata'] })
  const frames = await page.evaluate(
    (seconds) =>
      new Promise<number>((resolve) => {
        let count = 0
        const begun = performance.now()
        requestAnimationFrame(function frame() {
          count++
          if (performance.now() - begun < 1000 * seconds) requestAnimationFrame(frame)
          else resolve(count)
        })
      }),
    SECONDS,
  )
  const trace = JSON.parse(String(await chromium.stopTracing())) as { traceEvents: Task[] }
  const main = new Set(
    trace.traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  )
  const tasks = trace.traceEvents.filter(({ pid, tid, tdur }) => tdur !== undefined && main.has(`${pid} ${tid}`))
  const longest = Math.max(...tasks.map(({ tdur }) => tdur! / 1000))
  const busy = tasks.reduce((sum, { tdur }) => sum + tdur! / 1000, 0) / (1000 * SECONDS)
  console.log(
    `playground: ${(frames / SECONDS).toFixed(1)} frames a second, the longest task ${longest.toFixed(1)} ms, the ` +
      `thread ${(100 * busy).toFixed(0)} % busy`,
  )
  expect(tasks.length).toBeGreaterThan(100)
  expect(longest).toBeLessThan(50)
  // So there is room for a frame whenever the screen wants one.
  expect(busy).toBeLessThan(0.6)
  await leave(page)
})
