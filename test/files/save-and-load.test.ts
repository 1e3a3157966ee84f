// saveFile and loadFile on disk: calls at once, bytes of all kinds, what is kept of the old file, what is removed.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join, relative } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { loadFile, saveFile } from '../../src/entries/files'
import { FileError } from '../../src/entries/index'
import { saveToDisk } from '../../src/io/disk'
import { realm, startOf } from '../../src/io/processes'
import { bundle, newFolder, temporary } from '../support/processes'
import { bytesOf, text } from './processes'
import { contentOf, numberOf } from './content'
import { detached, errorOf } from '../support/mistakes'

const linux = process.platform === 'linux'
const root = process.getuid?.() === 0
const modeOf = (path: string) => fs.statSync(path).mode & 0o7777

describe('at once', () => {
  test('of many calls for one file the last wins, by whatever path, and where one before it fails', async () => {
    const place = newFolder()
    const file = join(place, 'a')
    const paths = [file, relative(process.cwd(), file), join(place, '.', 'a'), `${place}//a`]
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 20 }, (_, i) => saveFile(paths[i % 4], contentOf(i, 100_000 / (i + 1))))
      await Promise.all(calls)
      expect(numberOf(await loadFile(file), 100_000 / 20)).toBe(19)
    }
    const missing = join(place, 'none', 'a')
    const failing = saveFile(missing, bytesOf('a'))
    const next = saveFile(missing, bytesOf('b'))
    expect(await errorOf(() => failing)).toBeInstanceOf(FileError)
    expect(await errorOf(() => next)).toBeInstanceOf(FileError)
    const made = saveFile(missing, bytesOf('c'))
    fs.mkdirSync(join(place, 'none'))
    await made
    expect(text(missing)).toBe('c')
  })

  test('the path is that of the time of the call', async () => {
    const [first, second] = [newFolder(), newFolder()]
    // vitest's own processes may change their folder, its threads may not.
    const before = process.cwd()
    try {
      process.chdir(first)
      const saving = saveFile('a', bytesOf('1'))
      process.chdir(second)
      await Promise.all([saving, saveFile('a', bytesOf('2'))])
    } finally {
      process.chdir(before)
    }
    expect([text(join(first, 'a')), text(join(second, 'a'))]).toEqual(['1', '2'])
  })
})

describe('bytes', () => {
  test('of any view, of its part of the memory alone, of any length', async () => {
    const file = join(newFolder(), 'a')
    const all = contentOf(7, 1000)
    const shared = new Uint8Array(new SharedArrayBuffer(100)).fill(3)
    const large = contentOf(4, 40_000_000)
    const cases: [bytes: Uint8Array | ArrayBuffer, wanted: Uint8Array][] = [
      [all, all],
      [all.buffer, all],
      [all.subarray(3, 20), all.slice(3, 20)],
      [Buffer.from(all), all],
      [new Uint8ClampedArray(all.buffer, 8, 4) as unknown as Uint8Array, all.slice(8, 12)],
      [shared.subarray(1, 5), new Uint8Array(4).fill(3)],
      [new Uint8Array(), new Uint8Array()],
      [new ArrayBuffer(0), new Uint8Array()],
      [large, large],
    ]
    for (const [bytes, wanted] of cases) {
      await saveFile(file, bytes)
      const loaded = await loadFile(file)
      expect(Buffer.from(loaded).equals(wanted)).toBe(true)
      expect(loaded.constructor).toBe(Uint8Array)
      expect(loaded.buffer.byteLength).toBe(loaded.length)
    }
  })

  test('are those of the call, whatever becomes of them', async () => {
    const file = join(newFolder(), 'a')
    const bytes = contentOf(1, 1000)
    const saving = saveFile(file, bytes)
    bytes.fill(0)
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    await saving
    expect(numberOf(await loadFile(file), 1000)).toBe(1)
  })

  test('which another thread changes meanwhile are an error, or as they were at one time', async () => {
    const file = join(newFolder(), 'a')
    const bytes = new Uint8Array(new SharedArrayBuffer(1 << 20))
    const code = `const { workerData: bytes } = require('node:worker_threads')
      for (let value = 1; ; value++) for (let i = 0; i < bytes.length; i++) bytes[i] = value`
    const worker = new Worker(code, { eval: true, workerData: bytes })
    while (!bytes.at(-1)) await setTimeout(1)
    let errors = 0
    try {
      for (let i = 0; i < 50; i++) {
        const error = await errorOf(() => saveFile(file, bytes))
        if (error === 'no error') {
          // Some of the new value, then the one before it: that is how far the thread was.
          const loaded = await loadFile(file)
          const [first] = loaded
          const rest = loaded.findIndex((value) => value !== first)
          expect(rest < 0 || loaded.subarray(rest).every((value) => value === (first + 255) % 256)).toBe(true)
        } else {
          errors++
          expect(error).toBeInstanceOf(FileError)
          expect((error as Error).message).toMatch(
            /^saveFile: another thread writes to the bytes while they are read; /,
          )
        }
      }
    } finally {
      await worker.terminate()
    }
    expect(errors).toBeGreaterThan(0)
  })

  test.each([
    ['a list', [1, 2]],
    ['numbers', new Float64Array(2)],
    ['a text', 'abc'],
    ['nothing', undefined],
    ['a promise', Promise.resolve(new Uint8Array(1))],
    ['what was given away', detached(new Uint8Array(8)).buffer],
  ])('%s: no', async (_, bytes) => {
    const place = newFolder()
    const file = join(place, 'a')
    fs.writeFileSync(file, 'old')
    const error = await errorOf(() => saveFile(file, bytes as unknown as Uint8Array))
    expect(error).toBeInstanceOf(FileError)
    expect((error as Error).message).toMatch(/^saveFile: /)
    expect([fs.readdirSync(place), text(file)]).toEqual([['a'], 'old'])
  })

  test('that a file has no end of, or says it has none of, are read', async () => {
    const place = newFolder()
    const pipe = join(place, 'pipe')
    if (!linux || spawnSync('mkfifo', [pipe]).status !== 0) return
    const content = contentOf(3, 1_000_000)
    const [loaded] = await Promise.all([loadFile(pipe), fs.promises.writeFile(pipe, content)])
    expect(numberOf(loaded, 1_000_000)).toBe(3)
    expect(Buffer.from(await loadFile('/proc/self/status')).toString()).toContain('VmPeak')
  })
})

describe('what is kept', () => {
  const posix = process.platform !== 'win32'

  test.runIf(posix)('permissions of the old file, whatever the mask; those of the mask for a new one', async () => {
    const place = newFolder()
    const before = process.umask(0o027)
    try {
      await saveFile(join(place, 'new'), bytesOf('1'))
      expect(modeOf(join(place, 'new'))).toBe(0o640)
      for (const mode of [0o600, 0o666, 0o644, 0o755, 0o4755]) {
        const file = join(place, mode.toString(8))
        fs.writeFileSync(file, 'old')
        fs.chmodSync(file, mode)
        await saveFile(file, bytesOf('new'))
        expect([modeOf(file), text(file)]).toEqual([mode, 'new'])
      }
    } finally {
      process.umask(before)
    }
  })

  test.runIf(root)('the owner and the group', async () => {
    const file = join(newFolder(), 'a')
    fs.writeFileSync(file, 'old')
    fs.chownSync(file, 1234, 2345)
    fs.chmodSync(file, 0o4750)
    await saveFile(file, bytesOf('new'))
    const { uid, gid } = fs.statSync(file)
    expect([uid, gid, modeOf(file), text(file)]).toEqual([1234, 2345, 0o4750, 'new'])
  })

  test.runIf(posix)('symbolic links, also those whose file is yet to come', async () => {
    const place = newFolder()
    fs.mkdirSync(join(place, 'far/below'), { recursive: true })
    fs.symlinkSync('far/below', join(place, 'short'))
    fs.symlinkSync('far/file', join(place, 'one'))
    fs.symlinkSync(join(place, 'one'), join(place, 'two'))
    // By way of short, what is above is far.
    fs.symlinkSync('short/../other', join(place, 'three'))
    for (const content of ['first', 'second']) {
      await saveFile(join(place, 'two'), bytesOf(content))
      expect(text(join(place, 'far/file'))).toBe(content)
      await saveFile(`${place}/three`, bytesOf(content))
      expect(text(join(place, 'far/other'))).toBe(content)
      await saveFile(`${place}/short/../fourth`, bytesOf(content))
      expect(text(join(place, 'far/fourth'))).toBe(content)
      expect(Buffer.from(await loadFile(join(place, 'two'))).toString()).toBe(content)
    }
    expect(fs.readdirSync(place).toSorted()).toEqual(['far', 'one', 'short', 'three', 'two'])
    for (const link of ['one', 'two', 'three']) expect(fs.lstatSync(join(place, link)).isSymbolicLink()).toBe(true)
  })

  test('a name as long as names may be', async () => {
    const file = join(newFolder(), 'n'.repeat(255))
    await saveFile(file, bytesOf('1'))
    expect(Buffer.from(await loadFile(file)).toString()).toBe('1')
  })
})

test('a file that is not there is undefined, if that may be', async () => {
  const folder = newFolder()
  const file = join(folder, 'run')
  expect(await loadFile(file, { optional: true })).toBe(undefined)
  await expect(loadFile(file)).rejects.toThrow(/there is no such file/)
  await saveFile(file, Uint8Array.of(1))
  expect(await loadFile(file, { optional: true })).toEqual(Uint8Array.of(1))
  // What is there, but no file, is an error all the same.
  await expect(loadFile(folder, { optional: true })).rejects.toThrow(/folder/)
})

describe('temporary files', () => {
  const uuid = () => crypto.randomUUID()
  const own = startOf(process.pid) ?? ''
  const dead = () => spawnSync(process.execPath, ['-e', '']).pid

  test.each<[string, () => string, hours: number, stays: boolean]>([
    ['of this process', () => `.v128-${realm()}-${process.pid}-${own}-${uuid()}.tmp`, 100, true],
    [
      'of a process that lives',
      () => `.v128-${realm()}-${process.ppid}-${startOf(process.ppid) ?? ''}-${uuid()}.tmp`,
      100,
      true,
    ],
    ['of a dead process', () => `.v128-${realm()}-${dead()}-5-${uuid()}.tmp`, 0, false],
    [
      'of a dead process whose number was given again',
      () => `.v128-${realm()}-${process.pid}-1-${uuid()}.tmp`,
      0,
      !linux,
    ],
    ['of another machine', () => `.v128-0123456789ab-${dead()}-5-${uuid()}.tmp`, 0.9, true],
    ['of another machine, long ago', () => `.v128-0123456789ab-${process.pid}-${own}-${uuid()}.tmp`, 1.1, false],
    ['of nobody knows who', () => `.v128--${dead()}--${uuid()}.tmp`, 0.9, true],
    ['of nobody knows who, long ago', () => `.v128--${dead()}--${uuid()}.tmp`, 1.1, false],
    ['of others', () => `.v128-${realm()}-${dead()}-5-${uuid()}.tmp~`, 100, true],
    ['of others, too', () => `v128-${realm()}-${dead()}-5-${uuid()}.tmp`, 100, true],
  ])('%s', async (_, name, hours, stays) => {
    const place = newFolder()
    const left = join(place, name())
    fs.writeFileSync(left, 'half')
    const time = Date.now() / 1000 - 3600 * hours
    fs.utimesSync(left, time, time)
    await saveFile(join(place, 'a'), bytesOf('1'))
    expect(fs.existsSync(left)).toBe(stays)
  })

  test('are of a realm, which two containers do not share', async () => {
    expect(realm()).toMatch(/^[0-9a-f]{12}$/)
    const module = await bundle('../src/io/processes.ts')
    const code = `import { realm } from ${JSON.stringify(module)}; console.log(realm())`
    const run = (command: string, ...args: string[]) =>
      spawnSync(command, [...args, process.execPath, '--input-type=module', '-e', code], { encoding: 'utf8' })
    expect(run('env').stdout.trim()).toBe(realm())
    const apart = linux && root ? run('unshare', '--pid', '--fork', '--mount-proc') : undefined
    if (apart?.status === 0) expect(apart.stdout.trim()).not.toBe(realm())
  })

  test('that somebody removes are written again; of a disk that fails nothing is left', async () => {
    const place = newFolder()
    const file = join(place, 'a')
    fs.writeFileSync(file, 'old')
    let writes = 0
    const removed = (times: number) =>
      saveToDisk(file, bytesOf('new'), async (handle, bytes) => {
        await handle.write(bytes)
        if (writes++ < times) for (const name of temporary(place)) fs.unlinkSync(join(place, name))
      })
    await removed(2)
    expect([writes, text(file), fs.readdirSync(place)]).toEqual([3, 'new', ['a']])
    writes = 0
    expect(await errorOf(() => removed(3))).toBeInstanceOf(Error)
    expect([writes, text(file), fs.readdirSync(place)]).toEqual([3, 'new', ['a']])
    const broken = saveToDisk(file, bytesOf('newer'), async (handle, bytes) => {
      await handle.write(bytes.subarray(0, 2))
      throw Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' })
    })
    expect(await errorOf(() => broken)).toMatchObject({ code: 'EIO' })
    expect([text(file), fs.readdirSync(place)]).toEqual(['new', ['a']])
  })
})
