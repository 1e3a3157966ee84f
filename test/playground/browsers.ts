// The browsers of Debian, and a page in them that must not fail unseen.
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, type Locator, type Page, chromium, firefox } from 'playwright'
import { afterAll, expect, inject } from 'vitest'

export const NAMES = ['chromium', 'firefox'] as const
export type Name = (typeof NAMES)[number]

const PATHS = { chromium: '/usr/bin/chromium', firefox: '/usr/bin/firefox-esr' }
const open = new Map<Name, Promise<Browser>>()

/** One of each for a file of tests. */
export function browser(name: Name): Promise<Browser> {
  if (!existsSync(PATHS[name])) throw new Error(`${PATHS[name]} is not there: apt-get install chromium firefox-esr`)
  const executablePath = PATHS[name]
  const launch = () =>
    name === 'chromium'
      ? chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
      : firefox.launch({ executablePath, channel: 'moz-firefox' })
  const found = open.get(name) ?? launch()
  open.set(name, found)
  return found
}

afterAll(async () => {
  for (const one of open.values()) await (await one).close()
})

/** The page in a browser of that name, once it trains. What it throws or logs as an error fails the test. */
export async function visit(
  name: Name,
  { address = inject('isolated'), ...options }: BrowserContextOptions & { address?: string } = {},
): Promise<Page & { errors: string[] }> {
  const context = await (await browser(name)).newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = Object.assign(await context.newPage(), { errors: [] as string[] })
  page.setDefaultTimeout(60_000)
  page.on('pageerror', (error) => page.errors.push(String(error)))
  page.on('console', (message) => {
    if (message.type() === 'error') page.errors.push(message.text())
  })
  await page.goto(address)
  return page
}

export async function leave(page: Page & { errors: string[] }): Promise<void> {
  const { errors } = page
  await page.context().close()
  expect(errors).toEqual([])
}

export const number = async (page: Page, id: string) =>
  Number.parseFloat(((await page.getByTestId(id).textContent()) ?? '').replaceAll(',', ''))

/** Waits until a number is as it should be. */
export async function until(page: Page, id: string, isRight: (value: number) => boolean, within = 90_000) {
  await expect.poll(async () => isRight(await number(page, id)), { timeout: within, interval: 100 }).toBe(true)
}

export const steps = (page: Page, least: number) => until(page, 'step', (step) => step >= least)

/** When it took its first step, in milliseconds since 1970. */
export const firstStep = (page: Page) =>
  page.evaluate(() => performance.timeOrigin + performance.getEntriesByName('first step')[0].startTime)

export async function pause(page: Page): Promise<number> {
  await page.getByRole('button', { name: 'Pause' }).click()
  await page.getByRole('button', { name: 'Train', exact: true }).waitFor()
  await page.locator('.numbers[data-still=true]').waitFor()
  return number(page, 'step')
}

export const openTab = (page: Page, name: string) => page.getByRole('tab', { name }).click()

/** Writes into a field as a person does, over what stands there. */
export async function write(field: Locator, text: string): Promise<void> {
  await field.focus()
  await field.press('ControlOrMeta+A')
  await field.pressSequentially(text)
}
