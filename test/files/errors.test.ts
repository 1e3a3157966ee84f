// What saveFile and loadFile say where a file cannot be written or read, and that the old one stays.
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadFile, saveFile } from '../../src/entries/files'
import { FileError } from '../../src/entries/index'
import { errorOf } from '../support/mistakes'
import { newFolder } from '../support/processes'
import { bytesOf, program, text } from './processes'

const linux = process.platform === 'linux'
const root = process.getuid?.() === 0

/** What a process says that a shell, or another user, starts. */
function inChild(command: string[], shell: string, options: object = {}) {
  const args = ['-c', `${shell} exec "$0" "$@"`, process.execPath, program, ...command]
  const { stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8', ...options })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as { name?: string; message?: string }
}

test.runIf(linux && root)('a full disk', (context) => {
  const place = newFolder()
  const mount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', place])
  if (mount.status !== 0) context.skip('mounts are not allowed')
  // A mount of its own, which goes when the processes go.
  const file = join(place, 'a')
  const shell = `mount -t tmpfs -o size=64k none ${place} && printf old >${file} &&
      trap : USR1 && after() { [ "$(cat ${file})" = old ] && [ "$(ls -A ${place})" = a ] && echo kept; } && "$0" "$@" && after;`
  const args = ['--mount', 'sh', '-c', shell, process.execPath, program, 'save', file, '200000']
  const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' })
  expect(stderr).toBe('')
  const [said, after] = stdout.trim().split('\n')
  expect(JSON.parse(said)).toEqual({
    name: 'FileError',
    message: `saveFile: "${file}": the disk is full (ENOSPC); remove other files, or choose another place`,
  })
  expect(after).toBe('kept')
})

test.runIf(process.platform !== 'win32')('a limit of the size of files', () => {
  const place = newFolder()
  const file = join(place, 'a')
  fs.writeFileSync(file, 'old')
  expect(inChild(['save', file, '2000000'], 'ulimit -f 64;')).toEqual({
    name: 'FileError',
    message: `saveFile: "${file}": it is larger than a file may be here (EFBIG); raise the limit of the process (ulimit -f), or choose another file system`,
  })
  expect([text(file), fs.readdirSync(place)]).toEqual(['old', ['a']])
})

test.runIf(linux)('no permission: for the folder, for the file', () => {
  const user = root ? { uid: 65534, gid: 65534 } : {}
  for (const [folderMode, fileMode] of [
    [0o555, 0o666],
    [0o777, 0o444],
    [0o777, 0o000],
  ]) {
    const place = newFolder()
    const file = join(place, 'a')
    fs.writeFileSync(file, 'old')
    fs.chmodSync(file, fileMode)
    fs.chmodSync(place, folderMode)
    expect(inChild(['save', file, '10'], '', user)).toEqual({
      name: 'FileError',
      message: `saveFile: "${file}": permission is missing (EACCES); choose another place, or have the permissions changed`,
    })
    fs.chmodSync(place, 0o755)
    fs.chmodSync(file, 0o644)
    expect([text(file), fs.readdirSync(place)]).toEqual(['old', ['a']])
  }
})

test.runIf(linux)('a process whose own folder is gone', () => {
  for (const command of ['save', 'load']) {
    expect(inChild([command, 'a', '10'], `cd ${newFolder()}; rmdir "$PWD";`)).toEqual({
      name: 'FileError',
      message: `${command}File: "a": the folder does not exist (ENOENT); make it first, with mkdir, or correct the name`,
    })
  }
})

test.runIf(linux)('no permission to read', () => {
  const file = join(newFolder(), 'a')
  fs.writeFileSync(file, 'old')
  fs.chmodSync(file, 0)
  expect(inChild(['load', file], '', root ? { uid: 65534, gid: 65534 } : {})).toEqual({
    name: 'FileError',
    message: `loadFile: "${file}": permission is missing (EACCES); choose another place, or have the permissions changed`,
  })
})

const place = newFolder()
fs.writeFileSync(join(place, 'file'), 'old')
fs.mkdirSync(join(place, 'folder'))
if (process.platform !== 'win32') {
  fs.symlinkSync('folder', join(place, 'link'))
  fs.symlinkSync('round', join(place, 'round'))
}

test.each<[name: unknown, said: RegExp]>([
  ['none/a', /: the folder does not exist \(ENOENT\); make it first, with mkdir, or correct the name$/],
  ['file/a', /: what should be its folder is a file \(ENOTDIR\); correct the name$/],
  ['folder', /: this is a folder \(EISDIR\); give the name of a file$/],
  ['folder/', /: this is a folder \(EISDIR\)/],
  ['folder/..', /: this is a folder \(EISDIR\)/],
  ['new/', /: this is a folder \(EISDIR\)/],
  ['link', /: this is a folder \(EISDIR\)/],
  ['round', /: its symbolic links lead nowhere \(ELOOP\); correct or remove them$/],
  ['/dev/full', /: this is a device, a pipe or a socket; give the name of a file$/],
  ['/proc/a', /: no file can be made in this folder; choose another place$/],
  ['n'.repeat(256), /: the name is too long \(ENAMETOOLONG\); give a shorter one$/],
  ['a\0b', /: this cannot be a name \(ERR_INVALID_ARG_VALUE\); give one without the character 0$/],
])('saveFile(%j)', async (name, said) => {
  if (!linux) return
  const path = String(name).startsWith('/') ? String(name) : `${place}/${String(name)}`
  const error = await errorOf(() => saveFile(path, bytesOf('new')))
  expect(error).toBeInstanceOf(FileError)
  expect((error as Error).message).toMatch(/^saveFile: "/)
  expect((error as Error).message).toMatch(said)
  expect(fs.readdirSync(place).toSorted()).toEqual(['file', 'folder', 'link', 'round'])
  expect([text(join(place, 'file')), fs.readdirSync(join(place, 'folder'))]).toEqual(['old', []])
})

test.each<[name: unknown, said: RegExp]>([
  ['none', /: there is no such file; correct the name$/],
  ['none/a', /: there is no such file; correct the name$/],
  ['file/a', /: what should be its folder is a file \(ENOTDIR\); correct the name$/],
  ['folder', /: this is a folder \(EISDIR\); give the name of a file$/],
  ['file/', /: this is a folder \(EISDIR\); give the name of a file$/],
  ['round', /: its symbolic links lead nowhere \(ELOOP\); correct or remove them$/],
])('loadFile(%j)', async (name, said) => {
  if (!linux) return
  const error = await errorOf(() => loadFile(`${place}/${String(name)}`))
  expect(error).toBeInstanceOf(FileError)
  expect((error as Error).message).toMatch(/^loadFile: "/)
  expect((error as Error).message).toMatch(said)
})

test.each([undefined, null, 3, '', ['a'], {}, new URL('file:///tmp/a')])('no name: %j', async (name) => {
  const said = /: name must be a string that is not empty, such as 'model.safetensors', got /
  for (const call of [() => saveFile(name as string, bytesOf('a')), () => loadFile(name as string)]) {
    const error = await errorOf(call)
    expect(error).toBeInstanceOf(FileError)
    expect((error as Error).message).toMatch(said)
  }
})
