// What tests of saveFile share: folders, and processes that save (child.ts).
import { type ChildProcess, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll } from 'vitest'

/** A folder that goes away after the tests. */
export const folder = fs.mkdtempSync(join(tmpdir(), 'v128-files-'))
// Other users get in, too.
fs.chmodSync(folder, 0o755)
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  fs.rmSync(folder, { recursive: true, force: true })
})

/** Makes one file of a module of the sources, for processes. */
export async function bundle(source: string): Promise<string> {
  const outfile = join(folder, `${folders++}.mjs`)
  const entryPoints = [join(import.meta.dirname, source)]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
  return outfile
}

/** child.ts, as one file. */
export let program = ''
beforeAll(async () => {
  program = await bundle('child.ts')
})

let folders = 0
export function newFolder(): string {
  const path = join(folder, `${folders++}`)
  fs.mkdirSync(path)
  return path
}

export const temporary = (path: string) => fs.readdirSync(path).filter((name) => name.endsWith('.tmp'))
export const text = (path: string) => fs.readFileSync(path, 'latin1')
export const bytesOf = (value: string) => new Uint8Array(Buffer.from(value, 'latin1'))

/** Starts a process that saves on and on; `begun` resolves when it does, `ended` to what it printed. */
export function startLoop(file: string, bytes: number, pause: number, times = 1e9) {
  const child = spawn(process.execPath, [program, 'loop', file, `${bytes}`, `${pause}`, `${times}`])
  children.add(child)
  let output = ''
  const begun = new Promise<void>((resolve) => {
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString()
      resolve()
    })
  })
  child.stderr.on('data', (data: Buffer) => (output += data.toString()))
  const ended = new Promise<string>((resolve) => {
    child.on('close', () => {
      children.delete(child)
      resolve(output)
    })
  })
  return { child, begun: Promise.race([begun, ended]), ended }
}
