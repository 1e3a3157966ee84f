// In WebKit: from opening to learning, and a digit that is drawn is recognised.
import { expect, inject, test } from 'vitest'
import { openWebKit } from './webkit'

const TEXT = (id: string) => `return document.querySelector('[data-testid=${id}]')?.textContent ?? ''`

// Version 2.50.6 hangs, or throws "Unreachable code" in a module that has none, on one of some 250 pages that train in
// WebAssembly: see test/runtimes/browsers.mjs.
test('in WebKitGTK it learns, and recognises a digit that is drawn', { retry: 1 }, async () => {
  const page = await openWebKit(inject('plain'))
  try {
    const wanted = { timeout: 60_000, interval: 200 }
    await expect
      .poll(async () => Number.parseFloat(await page.run<string>(TEXT('accuracy'))), wanted)
      .toBeGreaterThan(93)
    const { x, y, width, height } = await page.run<DOMRect>(
      "return document.querySelector('.pad canvas').getBoundingClientRect().toJSON()",
    )
    const line = (from: readonly [number, number], to: readonly [number, number], count: number) =>
      Array.from({ length: count + 1 }, (_, i) => {
        const at = (axis: 0 | 1) => from[axis] + ((to[axis] - from[axis]) * i) / count
        return [x + at(0) * width, y + at(1) * height] as const
      })
    await page.drag([...line([0.3, 0.22], [0.7, 0.22], 8), ...line([0.7, 0.22], [0.45, 0.8], 12)])
    await expect.poll(() => page.run<string>(TEXT('answer')), wanted).toBe('7')
    expect(await page.run("return document.querySelector('.pad h2').textContent")).toBe('Your digit')
  } finally {
    await page.close()
  }
})
