// The order of what saveFile asks of the disk: on it depends what is there after a power cut, which no test can make.
import { renameSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { saveFile } from '../../src/entries/files'
import { newFolder } from '../support/processes'
import { bytesOf, text } from './processes'

const calls: string[] = []
let fails = ''

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>()
  const name = (path: unknown) => basename(String(path)).replace(/^\.v128-.*\.tmp$/, 'temporary')
  const call = (what: string) => {
    calls.push(what)
    if (what === fails) throw Object.assign(new Error(`EIO: i/o error, ${what}`), { code: 'EIO' })
  }
  return {
    ...real,
    async open(path: string, ...rest: []) {
      const file = await real.open(path, ...rest)
      for (const method of ['write', 'chmod', 'sync', 'close'] as const) {
        const does = file[method].bind(file) as (...args: unknown[]) => Promise<unknown>
        const watched = async (...args: unknown[]) => {
          call(`${method} ${name(path)}`)
          return does(...args)
        }
        Object.assign(file, { [method]: watched } as Partial<FileHandle>)
      }
      return file
    },
    async rename(from: string, to: string) {
      call(`rename ${name(from)} ${name(to)}`)
      renameSync(from, to)
    },
    async unlink(path: string) {
      calls.push(`unlink ${name(path)}`)
      return real.unlink(path)
    },
  }
})

/** What was asked of the temporary file, the file and the folder, in its order, but for the closing of the old file. */
async function order(file: string, content: string): Promise<string[]> {
  calls.length = 0
  await saveFile(file, bytesOf(content)).catch(() => calls.push('an error'))
  return calls.map((what) => what.replace(basename(dirname(file)), 'folder')).filter((what) => what !== 'close a')
}

test('the bytes are on the disk before the name, and the name before saveFile returns', async () => {
  const file = join(newFolder(), 'a')
  const wanted = [
    'write temporary',
    'sync temporary',
    'close temporary',
    'rename temporary a',
    'sync folder',
    'close folder',
  ]
  expect(await order(file, '1')).toEqual(wanted)
  expect(await order(file, '2')).toEqual([wanted[0], 'chmod temporary', ...wanted.slice(1)])
})

test.each(['write temporary', 'chmod temporary', 'sync temporary', 'rename temporary a'])(
  'where "%s" fails, the old file stays, and nothing else',
  async (what) => {
    const file = join(newFolder(), 'a')
    await saveFile(file, bytesOf('old'))
    fails = what
    const asked = await order(file, 'new')
    fails = ''
    expect(asked.slice(-3).toSorted()).toEqual(['an error', 'close folder', 'unlink temporary'])
    expect(asked).toContain('close temporary')
    expect(asked).not.toContain('sync folder')
    expect(text(file)).toBe('old')
  },
)

test('a folder that does not reach the disk is an error', async () => {
  const place = newFolder()
  fails = `sync ${basename(place)}`
  const error: unknown = await saveFile(join(place, 'a'), bytesOf('1')).catch((thrown: unknown) => thrown)
  fails = ''
  expect(String(error)).toBe(
    `FileError: saveFile: "${place}/a": it is written, but may be lost in a power cut: EIO: i/o error, sync ${basename(place)}; check the disk, and save again`,
  )
})
