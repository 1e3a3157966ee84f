import { readFileSync } from 'node:fs'

/** The functions that the library exports from a file or folder of src/: each must have a row in the table of its kind. */
export function exportsFrom(folder: string): string[] {
  const index = readFileSync(new URL('../../src/entries/index.ts', import.meta.url), 'utf8')
  const lists = index.matchAll(new RegExp(`^export \\{([^}]*)\\} from '../${folder}['/]`, 'gm'))
  return Array.from(lists, ([, names]) => names.split(','))
    .flat()
    .map((name) => name.trim())
    .filter((name) => name && !name.startsWith('type '))
}
