// saveFile and loadFile in any host: `save` at first, then, in another process or when the page was loaded again, `load`.
import { FileError } from 'v128'
import { loadFile, saveFile } from 'v128/files'

const content = (i, length) => Uint8Array.from({ length }, (_, at) => at * (i + 3) + i)
const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i])

/** What an action throws that is no success: '' if nothing. */
async function errorOf(action) {
  try {
    await action()
    return ''
  } catch (error) {
    return `${error instanceof FileError ? '' : 'no FileError: '}${error.message}`
  }
}

/** Saves below `folder`, which ends in a slash if it is not empty; returns what is wrong. */
export async function save(folder) {
  const faults = []
  const expect = (what, good) => good || faults.push(what)
  // The first calls of all, at once.
  const pair = ['one', 'two'].map((name) => folder + name)
  await Promise.all(pair.map((path, i) => saveFile(path, content(i, 1000))))
  for (const [i, path] of pair.entries()) expect(path, same(await loadFile(path), content(i, 1000)))
  const name = `${folder}model.safetensors`
  await saveFile(name, content(1, 300_000))
  expect('the first', same(await loadFile(name), content(1, 300_000)))
  await saveFile(name, content(2, 1000).subarray(10, 20))
  expect('a part', same(await loadFile(name), content(2, 1000).subarray(10, 20)))
  await Promise.all(Array.from({ length: 10 }, (_, i) => saveFile(name, content(i, 50_000 - 1000 * i))))
  expect('the last call wins', same(await loadFile(name), content(9, 41_000)))
  await saveFile(`${folder}empty`, new ArrayBuffer(0))
  expect('nothing', (await loadFile(`${folder}empty`)).length === 0)

  const errors = {
    'there is no such file': () => loadFile(`${folder}none`),
    'does not exist': () => saveFile(`${folder}none/a`, content(1, 1)),
    file: () => saveFile(`${name}/a`, content(1, 1)),
    'this is a folder': () => saveFile(`${folder}new/`, content(1, 1)),
    'must be a string': () => saveFile(3, content(1, 1)),
    'want the bytes': () => saveFile(name, 'text'),
  }
  for (const [said, action] of Object.entries(errors)) {
    const error = await errorOf(action)
    expect(`${said}: ${error}`, /^(save|load)File: /.test(error) && error.includes(said))
  }
  expect('the old one', same(await loadFile(name), content(9, 41_000)))
  return faults
}

/** Loads what `save` left. */
export async function load(folder) {
  const found = await loadFile(`${folder}model.safetensors`)
  return same(found, content(9, 41_000)) ? [] : [`found other bytes: ${found.length}`]
}

/** What a host says that has no files. */
export async function refuse() {
  return [await errorOf(() => saveFile('a', content(1, 1))), await errorOf(() => loadFile('a'))]
}
