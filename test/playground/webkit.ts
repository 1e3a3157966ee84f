// WebKitGTK, which Playwright does not know: a page in it by the WebDriver that comes with it.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const DRIVER = '/usr/bin/WebKitWebDriver'
const BROWSER = '/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser'

export interface WebKitPage {
  /** What a piece of JavaScript returns that runs in the page. */
  run<T>(code: string): Promise<T>
  /** Presses, moves to each of these places, and lets go. */
  drag(places: readonly (readonly [x: number, y: number])[]): Promise<void>
  close(): Promise<void>
}

/** Ports that are free now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function ask(address: string, method: string, body?: unknown): Promise<any> {
  const response = await fetch(address, { method, ...(body !== undefined && { body: JSON.stringify(body) }) })
  const { value } = (await response.json()) as { value: any }
  if (!response.ok) throw new Error(`WebKitWebDriver: ${value.error}: ${value.message}`)
  return value
}

/** Until it answers; throws what it said where it ended. */
async function begun(child: ChildProcess, root: string): Promise<void> {
  let said = ''
  let isOver = false
  child.stderr!.on('data', (text) => (said += text))
  child.on('exit', () => (isOver = true))
  while (!isOver) {
    const is = await fetch(`${root}/status`).catch(() => undefined)
    if (is?.ok) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`WebKitWebDriver ended: ${said}`)
}

/** The page in WebKitGTK, on a screen of its own. */
export async function openWebKit(address: string): Promise<WebKitPage> {
  for (const file of [DRIVER, BROWSER, '/usr/bin/xvfb-run']) {
    if (!existsSync(file)) throw new Error(`${file} is not there: apt-get install webkit2gtk-driver xvfb xauth`)
  }
  const root = `http://127.0.0.1:${await freePort()}`
  const home = mkdtempSync(join(tmpdir(), 'v128-webkit-'))
  const screen = ['-a', '-s', '-screen 0 1400x1000x24']
  const child = spawn('xvfb-run', [...screen, DRIVER, `--port=${new URL(root).port}`], {
    env: { ...process.env, HOME: home, WEBKIT_DISABLE_COMPOSITING_MODE: '1' },
    stdio: ['ignore', 'ignore', 'pipe'],
    // A group of its own, so that all of it can be ended.
    detached: true,
  })
  const end = () => {
    try {
      process.kill(-child.pid!)
    } catch {
      // It has ended.
    }
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await begun(child, root)
    const browserOptions = { binary: BROWSER, args: ['--automation'] }
    const { sessionId } = await ask(`${root}/session`, 'POST', {
      capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': browserOptions } },
    })
    const session = `${root}/session/${sessionId}`
    await ask(`${session}/window/rect`, 'POST', { width: 1280, height: 900 })
    await ask(`${session}/url`, 'POST', { url: address })
    return {
      run: (code) => ask(`${session}/execute/sync`, 'POST', { script: code, args: [] }),
      async drag(places) {
        const moves = places.map(([x, y]) => ({
          type: 'pointerMove',
          duration: 20,
          origin: 'viewport',
          x: Math.round(x),
          y: Math.round(y),
        }))
        const [to, ...others] = moves
        const actions = [to, { type: 'pointerDown', button: 0 }, ...others, { type: 'pointerUp', button: 0 }]
        const mouse = { type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions }
        await ask(`${session}/actions`, 'POST', { actions: [mouse] })
      },
      async close() {
        await ask(session, 'DELETE').catch(() => {})
        end()
      },
    }
  } catch (error) {
    end()
    throw error
  }
}
