// What tests of the command `v128` share: it runs as its users run it, in processes of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { newFolder } from './processes'

const cli = join(import.meta.dirname, '../../dist/cli.js')
const children = new Set<ChildProcess>()
afterAll(() => children.forEach((child) => child.kill('SIGKILL')))

/** A module with a space, and a run of this body. It needs nothing of the library. */
export function moduleOf(body: string, folder = newFolder(), head = ''): string {
  const file = join(folder, 'trial.mjs')
  writeFileSync(
    file,
    `import { setTimeout } from 'node:timers/promises'
${head}
export const space = { a: { kind: 'uniform', low: 0, high: 1 } }
export async function run({ index, parameters: { a } }, report, { resume, save }) {
  ${body}
}
`,
  )
  return file
}

/** Starts `v128`, in a folder of its own unless told; `kilobytes` is the largest file that it may write. */
export function v128(
  args: readonly string[],
  { cwd = newFolder(), kilobytes }: { cwd?: string; kilobytes?: number } = {},
) {
  const whole = [process.execPath, cli, ...args]
  const [program, ...rest] =
    kilobytes === undefined ? whole : ['bash', '-c', `ulimit -f ${kilobytes}; exec "$@"`, 'bash', ...whole]
  const env = { ...process.env, V128_STORE: '' }
  const child = spawn(program, rest, { cwd, env })
  children.add(child)
  let [output, errors] = ['', '']
  let hear = () => {}
  child.stdout.on('data', (data: Buffer) => ((output += data.toString()), hear()))
  child.stderr.on('data', (data: Buffer) => ((errors += data.toString()), hear()))
  const ended = new Promise<{ code: number | null; output: string; errors: string; bar: string[] }>((resolve) => {
    child.once('close', (code) => {
      children.delete(child)
      // What is no terminal gets the bar as lines, one now and then, and an empty one.
      const isBar = (line: string) => /[░█]/.test(line)
      const lines = errors.split('\n')
      const bar = lines.filter(isBar)
      const said = bar.length ? lines.filter((line) => line.trim() !== '' && !isBar(line)) : lines
      resolve({ code, output, errors: said.join('\n'), bar })
    })
  })
  /** Until it has printed this, or ended. */
  const until = (text: string) =>
    Promise.race([
      ended,
      new Promise<void>((resolve) => {
        hear = () => (output + errors).includes(text) && resolve()
        hear()
      }),
    ])
  return { child, ended, until }
}
