// What tests share that start processes of their own, and kill them.
import { type ChildProcess, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll } from 'vitest'

/** A folder that goes away after the tests. */
const folder = fs.mkdtempSync(join(tmpdir(), 'v128-processes-'))
// Other users get in, too.
fs.chmodSync(folder, 0o755)
const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  fs.rmSync(folder, { recursive: true, force: true })
})

let folders = 0
export function newFolder(): string {
  const path = join(folder, `${folders++}`)
  fs.mkdirSync(path)
  return path
}

/** Makes one file of a module, given by its path in test/, for processes. */
export async function bundle(source: string): Promise<string> {
  const outfile = join(newFolder(), 'program.mjs')
  const entryPoints = [join(import.meta.dirname, '..', source)]
  await build({ entryPoints, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
  return outfile
}

/** What saveFile writes in a folder before it is whole, and a process that is killed leaves there. */
export const temporary = (path: string) => fs.readdirSync(path).filter((name) => name.endsWith('.tmp'))

/** Starts Node; `begun` resolves when it prints something, or ends, `ended` to all that it printed. */
export function start(program: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args])
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
