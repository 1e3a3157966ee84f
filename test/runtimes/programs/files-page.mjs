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

  // What a page left that has ended goes, what a living one writes stays.
  const [dead, living] = [1, 2].map(() => `.v128-${crypto.randomUUID()}.tmp`)
  for (const name of [dead, living]) await folder.getFileHandle(name, { create: true })
  await navigator.locks.request(living, () => saveFile('kept/a', new Uint8Array(1)))
  expect(`left over: ${await names(folder)}`, (await names(folder)) === `${living},a`)
  await saveFile('kept/a', new Uint8Array(1))
  expect(`left over: ${await names(folder)}`, (await names(folder)) === 'a')

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
