// From opening to learning; a digit that is drawn; a slider; an edit that is refused; back in time, and on another way.
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { OUT } from '../../examples/playground/build.js'
import { createPageServer } from '../../examples/playground/serve.js'
import { NAMES, firstStep, leave, number, openTab, pause, steps, until, visit, write } from './browsers'

describe.each(NAMES)('in %s', (name) => {
  test('it learns from the first seconds on, and its filters change', async () => {
    const page = await visit(name)
    const filters = page.getByRole('img', { name: '8 filters of 5 by 5' })
    await filters.waitFor()
    const pixels = () =>
      filters
        .locator('canvas')
        .first()
        .evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL())
    const first = await pixels()
    await until(page, 'accuracy', (share) => share > 80)
    const opened = await page.evaluate(() => performance.timeOrigin)
    console.log(`playground: first step ${Math.round((await firstStep(page)) - opened)} ms after it was opened`)
    expect(await pixels()).not.toBe(first)
    const step = await pause(page)
    await page.getByRole('button', { name: 'One step' }).click()
    await until(page, 'step', (now) => now === step + 1)
    await page.getByRole('button', { name: 'To the end of the epoch' }).click()
    await until(page, 'step', (now) => now === Math.ceil((step + 2) / 64) * 64)
    await page.getByRole('button', { name: 'Reset' }).click()
    await until(page, 'step', (now) => now === 0)
    await leave(page)
  })

  test('a digit that is drawn is recognised', async () => {
    const page = await visit(name)
    await until(page, 'accuracy', (share) => share > 93)
    const box = (await page.getByLabel('Draw over it').boundingBox())!
    const at = (x: number, y: number) => [box.x + x * box.width, box.y + y * box.height] as const
    await page.mouse.move(...at(0.3, 0.22))
    await page.mouse.down()
    await page.mouse.move(...at(0.7, 0.22), { steps: 8 })
    await page.mouse.move(...at(0.45, 0.8), { steps: 12 })
    await page.mouse.up()
    await expect.poll(() => page.getByTestId('answer').textContent()).toBe('7')
    await leave(page)
  })

  test('the slider of the rate works while it trains', async () => {
    const page = await visit(name)
    await steps(page, 20)
    const slider = page.getByRole('slider', { name: 'Learning rate' })
    await slider.press('End')
    await expect.poll(() => slider.getAttribute('aria-valuetext')).toBe('10')
    // At such a rate nothing is learnt, and that is seen.
    await until(page, 'accuracy', (share) => share < 60)
    await leave(page)
  })

  test('an edit that cannot be is refused in the words of the library', async () => {
    const page = await visit(name)
    await steps(page, 5)
    await openTab(page, 'Change it')
    await write(page.getByLabel('units of layer 8, Dense'), '9')
    await expect.poll(() => page.getByTestId('problem').textContent()).toMatch(/10 classes, but the network gives 9/)
    await write(page.getByLabel('units of layer 8, Dense'), '10')
    await write(page.getByLabel('kernel of layer 1, Convolution'), '40')
    await expect.poll(() => page.getByTestId('problem').textContent()).toMatch(/conv2d.*kernel|larger|40/)
    expect(await page.getByRole('button', { name: 'Begin again with it' }).isDisabled()).toBe(true)
    await write(page.getByLabel('kernel of layer 1, Convolution'), '3')
    await write(page.getByLabel('pad of layer 1, Convolution'), '1')
    await page.getByRole('button', { name: 'Begin again with it' }).click()
    await openTab(page, 'Watch')
    await page.getByRole('img', { name: '8 filters of 3 by 3' }).waitFor()
    await leave(page)
  })

  test('back in time it meets the same bits; a fork goes another way on the same axes', async () => {
    const page = await visit(name)
    await steps(page, 90)
    await pause(page)
    await openTab(page, 'Rewind, compare')
    const line = page.getByRole('slider', { name: 'Step' })
    await line.press('ArrowLeft')
    await line.press('ArrowLeft')
    const place = await number(page, 'place')
    await page.getByRole('button', { name: 'Go back to it' }).click()
    await until(page, 'step', (step) => step === place)
    await page.getByRole('button', { name: 'Train', exact: true }).click()
    await expect.poll(() => page.getByTestId('met').textContent()).toMatch(/the same bits/)
    await page.getByRole('button', { name: 'Fork from it' }).click()
    await page.getByRole('combobox', { name: 'with' }).selectOption('sgd')
    await page.getByRole('button', { name: 'Fork', exact: true }).click()
    const runs = page.getByRole('list', { name: 'Runs' }).getByRole('listitem')
    await expect.poll(() => runs.count()).toBe(2)
    await until(page, 'step', (step) => step > place + 10)
    await leave(page)
  })
})

test('what is downloaded before it learns is less than 150 kB beside the digits', async () => {
  const asked = new Map<string, number>()
  const server = createPageServer().on('request', ({ url }) => {
    if (url?.endsWith('.js') && !asked.has(url)) asked.set(url, Date.now())
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  const address = `http://localhost:${(server.address() as AddressInfo).port}/`
  // It would load all that the page may ever want.
  const page = await visit('chromium', { address, serviceWorkers: 'block' })
  await page.locator('.charts canvas').first().waitFor()
  const first = await firstStep(page)
  const sizes = Array.from(asked, ([url, at]) => ({
    isEarly: at < first,
    size: gzipSync(readFileSync(join(OUT, url)), { level: 9 }).length,
  }))
  const early = sizes.filter(({ isEarly }) => isEarly)
  const sum = (all: typeof sizes) => all.reduce((total, { size }) => total + size, 0)
  console.log(
    `playground: ${sum(early)} bytes of JavaScript and kernels, gzipped, in ${early.length} files before the first ` +
      `step; ${sum(sizes)} with the charts`,
  )
  expect(early.length).toBeGreaterThan(5)
  expect(sizes.length).toBeGreaterThan(early.length)
  expect(sum(early)).toBeLessThan(150_000)
  await leave(page)
  server.closeAllConnections()
  server.close()
})
