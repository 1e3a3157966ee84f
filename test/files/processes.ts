// What tests of saveFile share: processes that save (child.ts), and bytes as text.
import * as fs from 'node:fs'
import { beforeAll } from 'vitest'
import { bundle, start } from '../support/processes'

/** child.ts, as one file. */
export let program = ''
beforeAll(async () => {
  program = await bundle('files/child.ts')
})

export const text = (path: string) => fs.readFileSync(path, 'latin1')
export const bytesOf = (value: string) => new Uint8Array(Buffer.from(value, 'latin1'))

/** Starts a process that saves on and on, and says when it begins. */
export function startLoop(file: string, bytes: number, pause: number, times = 1e9) {
  return start(program, 'loop', file, `${bytes}`, `${pause}`, `${times}`)
}
