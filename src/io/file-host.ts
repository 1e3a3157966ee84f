// What saveFile and loadFile ask of the place where files are: a disk, the storage of a browser, or none.

import { FileError, show } from '../errors'

/** Where files are. */
export interface FileHost {
  /** The place of a file whose name is not empty. Throws a FileError, which begins with `where`, if there is none. */
  at(where: string, name: string): Place
}

/** Where one file is, or may be. What fails is a FileError. */
export interface Place {
  /** Its whole name at the time of the call: two places of one path are of one file. */
  readonly path: string
  /** Writes the file so that there is at any moment the old one or the new one. */
  save(bytes: Uint8Array<ArrayBuffer>): Promise<void>
  load(): Promise<Uint8Array<ArrayBuffer>>
}

/** Why something about files failed, and what to do. */
export interface Problem {
  readonly what: string
  readonly cure: string
}

/** A message that says which file, what failed, and what to do. */
export function fileError(where: string, name: string, { what, cure }: Problem, cause?: unknown): FileError {
  // Its end says more than its beginning.
  const short = name.length > 200 ? `...${name.slice(-197)}` : name
  return new FileError(`${where}: ${show(short, 260)}: ${what}; ${cure}`, cause === undefined ? {} : { cause })
}
