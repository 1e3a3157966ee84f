// Other data than digits: points of the plane, pictures and a table of one's own; and the optimizers' race.
import type { Page } from 'playwright'
import { describe, expect, test } from 'vitest'
import { NAMES, leave, openTab, pause, steps, until, visit, write } from './browsers'

const pixelsOf = (page: Page) =>
  page.locator('.plane canvas').evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL())

/** Pictures of one colour, more or less, as files. */
async function picturesOf(page: Page, colour: string, count: number) {
  const urls = await page.evaluate(
    ([fill, most]) =>
      Array.from({ length: Number(most) }, (_, i) => {
        const canvas = document.createElement('canvas')
        Object.assign(canvas, { width: 48, height: 40 })
        const context = canvas.getContext('2d')!
        context.fillStyle = String(fill)
        context.fillRect(0, 0, 48, 40)
        context.fillStyle = '#888'
        context.fillRect(3 * i, 2 * i, 12, 12)
        return canvas.toDataURL('image/png')
      }),
    [colour, count],
  )
  return urls.map((url, i) => ({
    name: `${i}.png`,
    mimeType: 'image/png',
    buffer: Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'),
  }))
}

describe.each(NAMES)('in %s', (name) => {
  test('the border between spirals is drawn while it learns them', async () => {
    const page = await visit(name)
    await steps(page, 1)
    await openTab(page, 'Other data')
    await page.locator('[data-set=spirals]').click()
    await page.getByRole('region', { name: 'The plane' }).waitFor()
    await steps(page, 5)
    const early = await pixelsOf(page)
    await until(page, 'accuracy', (share) => share > 90)
    await expect.poll(() => pixelsOf(page)).not.toBe(early)
    // A place that is clicked goes through the layers: far from all of a class the answer is one of three.
    await pause(page)
    await page.locator('.plane canvas').click({ position: { x: 20, y: 20 } })
    await page.getByText(/% sure/).waitFor()
    // Of other data it is no example.
    await openTab(page, 'Other data')
    await page.locator('[data-set=moons]').click()
    await page.getByRole('heading', { name: 'Moons' }).waitFor()
    await page.getByText(/^(right|wrong: it is .*)$/).waitFor()
    await leave(page)
  })

  test('own pictures in two classes are told apart', async () => {
    const page = await visit(name)
    await steps(page, 1)
    await openTab(page, 'Other data')
    await write(page.getByLabel('Name of class 1'), 'Red')
    await write(page.getByLabel('Name of class 2'), 'Blue')
    const learn = page.getByRole('button', { name: 'Learn them' })
    expect(await learn.isDisabled()).toBe(true)
    await page.getByLabel('Pictures of Red from files').setInputFiles(await picturesOf(page, '#c33', 12))
    await page
      .getByLabel('Pictures of Blue from files')
      .setInputFiles([
        ...(await picturesOf(page, '#33c', 12)),
        { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') },
      ])
    await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/notes\.txt/)
    await expect.poll(() => page.getByText('12 pictures').count()).toBe(2)
    await learn.click()
    await page.getByRole('tab', { name: 'Watch', selected: true }).waitFor()
    await until(page, 'accuracy', (share) => share === 100)
    await expect.poll(() => page.getByTestId('answer').textContent()).toMatch(/^(Red|Blue)$/)
    // They are nobody else's business.
    await openTab(page, 'Take along')
    await page.getByText('stay on this device').waitFor()
    await leave(page)
  })

  test('a table is learnt, and one that cannot be is refused', async () => {
    const page = await visit(name)
    await steps(page, 1)
    await openTab(page, 'Other data')
    const give = (file: string, text: string) =>
      page
        .getByRole('region', { name: 'A table' })
        .locator('input[type=file]')
        .setInputFiles({ name: file, mimeType: 'text/csv', buffer: Buffer.from(text) })
    const learn = page.getByRole('button', { name: 'Learn it' })
    await give('poor.csv', 'length,kind\n1,a\nlong,b\n')
    await learn.click()
    await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/long/)
    const rows = Array.from(
      { length: 90 },
      (_, i) => `${i % 3 ? 'oak' : 'elm'},${i % 7},${(i % 3 ? 5 : 1) + (i % 4) / 4}`,
    )
    await give('trees.csv', `tree,age,height\n${rows.join('\n')}\n`)
    await page.getByRole('combobox', { name: 'The class is in' }).selectOption('tree')
    await learn.click()
    // Two columns are a plane.
    await page.getByRole('heading', { name: 'trees.csv' }).waitFor()
    await until(page, 'accuracy', (share) => share > 95)
    await openTab(page, 'Other data')
    await give('more.csv', `tree,age,height,width\n${rows.map((row) => `${row},1.5`).join('\n')}\n`)
    await page.getByRole('combobox', { name: 'The class is in' }).selectOption('tree')
    await learn.click()
    await page.getByRole('heading', { name: 'Row 0 of more.csv' }).waitFor()
    await until(page, 'accuracy', (share) => share > 95)
    await expect.poll(() => page.getByTestId('answer').textContent()).toMatch(/^(oak|elm)$/)
    await leave(page)
  })

  test('optimizers race to the end, and rates that are too high throw them out', async () => {
    const page = await visit(name, { reducedMotion: 'reduce' })
    await steps(page, 1)
    await openTab(page, 'Optimizers')
    const losses = async () => {
      await page.getByText('step 120 of 120').waitFor()
      return page.locator('.racers strong').allTextContents()
    }
    const found = await losses()
    expect(found.length).toBe(6)
    // The ravine begins at a loss of more than 2.
    expect(found.map(Number).every((loss) => loss >= 0 && loss < 0.5)).toBe(true)
    await page.getByRole('slider', { name: 'All rates' }).press('End')
    await expect.poll(async () => (await losses()).includes('gone')).toBe(true)
    await leave(page)
  })
})

test('the race goes on frame by frame', async () => {
  const page = await visit('chromium')
  await steps(page, 1)
  await openTab(page, 'Optimizers')
  const field = page.getByRole('img', { name: /ways of 6 optimizers/ })
  const drawn = () => field.evaluate((canvas) => (canvas as HTMLCanvasElement).toDataURL())
  await page.getByText(/step [1-9]\d* of 120/).waitFor()
  const early = await drawn()
  await expect.poll(drawn).not.toBe(early)
  await leave(page)
})
