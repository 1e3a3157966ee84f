// A page: ?save, then ?load, or ?refuse where there is no storage. What is wrong in the page and in workers goes into its
// <output>, and what the browser has.
import { loadFile, saveFile } from 'v128/files'
import { load, refuse, save } from './files.mjs'

function inWorker(command, folder, without = []) {
  const worker = new Worker(new URL('./files-worker.mjs', import.meta.url), { type: 'module' })
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data)
    worker.onerror = (event) => reject(new Error(`worker: ${event.message}`))
    worker.postMessage({ command, folder, without })
  })
}

const names = async (folder) => {
  const found = []
  for await (const name of folder.keys()) found.push(name)
  return found.sort().join()
}

/** What only browsers have. */
async function special() {
  const faults = []
  const expect = (what, good) => good || faults.push(what)
  const root = await navigator.storage.getDirectory()
  const error = await saveFile('/../a', new Uint8Array(1)).catch(({ message }) => message)
  expect(`above: ${error}`, error?.startsWith('saveFile: "/../a": nothing is above the storage of a page; '))

  // One path for a program on disk and in a page.
  await saveFile('./page/../page/a', new Uint8Array(1)).catch(() => {})
  await saveFile('./page//a', Uint8Array.of(7))
  expect('./', (await loadFile('/page/a'))[0] === 7)

  // A folder is not replaced.
  const folder = await root.getDirectoryHandle('kept', { create: true })
  const refused = await saveFile('kept', new Uint8Array(1)).catch(({ message }) => message)
  expect(`folder: ${refused}`, refused?.includes('this is a folder'))
  expect('kept', (await root.getDirectoryHandle('kept')).kind === 'directory')

  // What a killed page left goes; its journal, if that is whole, is the file: the browser may have lost that.
  const hash = async (bytes) => new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const hex = [...(await hash(new TextEncoder().encode('a')))].map((byte) => byte.toString(16).padStart(2, '0'))
  const own = `.v128-${hex.slice(0, 16).join('')}-`
  const put = async (name, bytes) => {
    const stream = await (await folder.getFileHandle(name, { create: true })).createWritable()
    await stream.write(bytes)
    await stream.close()
  }
  const journal = new Uint8Array([5, 6, 7, ...(await hash(Uint8Array.of(5, 6, 7)))])
  for (const lost of [true, false]) {
    await saveFile('kept/a', Uint8Array.of(1))
    for (const name of [`${own}half`, `${own}half.crswap`, '.v128-of-another']) await put(name, new Uint8Array(9))
    await put(`${own}new`, journal.slice(0, -1))
    expect('half a journal', (await loadFile('kept/a')).join() === '1')
    await put(`${own}new`, journal)
    if (lost) await folder.removeEntry('a')
    else await put('a', new Uint8Array())
    expect('the journal', (await loadFile('kept/a')).join() === '5,6,7')
    // One that fails leaves what the journal says.
    const { move } = FileSystemFileHandle.prototype
    let moves = 0
    FileSystemFileHandle.prototype.move = function (...args) {
      if (moves++) throw new Error('no move')
      return move.apply(this, args)
    }
    const failed = await saveFile('kept/a', new Uint8Array(1)).catch(({ message }) => message)
    FileSystemFileHandle.prototype.move = move
    expect(`failed: ${failed}`, failed?.includes('no move'))
    expect('what the journal said', (await loadFile('kept/a')).join() === '5,6,7')
    expect(`left over: ${await names(folder)}`, (await names(folder)) === '.v128-of-another,a')
    await saveFile('kept/a', Uint8Array.of(2))
    expect(`left over: ${await names(folder)}`, (await names(folder)) === '.v128-of-another,a')
    await folder.removeEntry('.v128-of-another')
  }
  await saveFile('kept/a', new Uint8Array(1))

  // Replaced again and again, while it is read.
  let over = false
  const saving = (async () => {
    for (let i = 0; i < 20; i++) await saveFile('kept/a', new Uint8Array(100_000 + i).fill(i))
    over = true
  })()
  while (!over) {
    const bytes = await loadFile('kept/a')
    const i = bytes.length > 1 ? bytes.length - 100_000 : 0
    expect(
      'a mixture',
      bytes.every((value) => value === i),
    )
  }
  await saving

  // A page of an older WebKit cannot, and says so.
  const { createWritable } = FileSystemFileHandle.prototype
  delete FileSystemFileHandle.prototype.createWritable
  const old = await saveFile('kept/a', new Uint8Array(1)).catch(({ message }) => message)
  FileSystemFileHandle.prototype.createWritable = createWritable
  expect(`without createWritable: ${old}`, old?.includes('; call saveFile in a worker, or'))
  expect(`left over then: ${await names(folder)}`, (await names(folder)) === 'a')
  return faults
}

async function main() {
  const command = location.search.slice(1)
  let result
  if (command === 'refuse') {
    result = await refuse()
  } else {
    if (command === 'save') {
      const root = await navigator.storage.getDirectory()
      for (const name of ['page', 'worker', 'old']) await root.getDirectoryHandle(name, { create: true })
    }
    const run = { save, load }[command]
    const faults = {
      page: await run('page/'),
      worker: await inWorker(command, 'worker/'),
      'worker of an older WebKit': await inWorker(command, 'old/', ['createWritable']),
      'what only browsers have': command === 'save' ? await special() : [],
    }
    result = Object.entries(faults).flatMap(([place, all]) => all.map((fault) => `${place}: ${fault}`))
  }
  document.querySelector('output').textContent = JSON.stringify(result)
}

void main()
