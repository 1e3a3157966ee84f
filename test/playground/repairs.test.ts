// Each broken training does not learn, babysit names the cause, and once that is mended the page says so.
import type { Page } from 'playwright'
import { describe, expect, test } from 'vitest'
import { NAMES, leave, openTab, steps, visit, write } from './browsers'

const rateOf = (rate: string) => async (page: Page) => {
  await openTab(page, 'Change it')
  await write(page.getByRole('spinbutton', { name: 'Learning rate' }), rate)
}

const REPAIRS: Record<string, { hint: RegExp; mend(page: Page): Promise<void> }> = {
  high: { hint: /lower the learning rate/, mend: rateOf('0.002') },
  low: { hint: /raise the learning rate/, mend: rateOf('0.1') },
  zeros: {
    hint: /start with the same weights/,
    async mend(page) {
      await openTab(page, 'Change it')
      await page.getByText('Where it begins').click()
      await page.getByRole('combobox', { name: 'First weights' }).selectOption('he')
    },
  },
  dead: { hint: /dead ReLUs/i, mend: rateOf('0.002') },
  inputs: {
    hint: /inputs are not scaled/,
    async mend(page) {
      await openTab(page, 'Change it')
      await page.getByText('Where it begins').click()
      await page.getByRole('combobox', { name: 'Inputs' }).selectOption('unit')
    },
  },
  softmax: {
    hint: /softmax too many/,
    async mend(page) {
      await openTab(page, 'Change it')
      await page.getByRole('button', { name: 'Remove layer 3, Softmax' }).click()
      await page.getByRole('combobox', { name: 'Another layer' }).selectOption('relu')
      await page.getByRole('button', { name: 'Add', exact: true }).click()
    },
  },
}

describe.each(NAMES)('in %s', (name) => {
  test('each broken training can be mended', async () => {
    const page = await visit(name)
    for (const [id, { hint, mend }] of Object.entries(REPAIRS)) {
      await openTab(page, 'Repair')
      await page.locator(`[data-case=${id}]`).click()
      await expect.poll(() => page.locator(`[data-case=${id}]`).getAttribute('aria-pressed')).toBe('true')
      await steps(page, id === 'dead' ? 120 : 40).catch((error: unknown) => {
        throw new Error(`${id} does not train`, { cause: error })
      })
      expect(await page.getByTestId('solved').count(), id).toBe(0)
      await page.getByRole('button', { name: 'A hint: ask babysit' }).click()
      await page.getByTestId('hints').waitFor({ state: 'attached' })
      expect(await page.getByTestId('hints').textContent(), id).toMatch(hint)
      await mend(page)
      await page.getByRole('button', { name: 'Begin again with it' }).click()
      await openTab(page, 'Repair')
      await expect.poll(() => page.getByTestId('solved').count(), { message: `${id} is mended` }).toBe(1)
    }
    expect(await page.getByText('mended', { exact: true }).count()).toBe(6)
    await leave(page)
  }, 480_000)
})
