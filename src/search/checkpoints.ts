// Checkpoints of trials that have not ended, each in a file beside that of the search: what run has kept, and what the
// search knew of the trial then.

import * as fs from 'node:fs'
import { FileError, isPlain } from '../errors'
import { checksumOf } from '../io/checksum'
// Not by v128/files, which finds out where files are: here there is a disk.
import { host } from '../io/disk'
import type { Trial } from './space'
import type { Curve } from './stopping'
import { textOf } from './texts'
import type { TrialResult } from './trials'

/** A trial that was cut off. */
export interface CutOff {
  /** What it had reported. */
  readonly curve: Curve
  /** How it was to end, as far as a report had decided that. */
  readonly status: TrialResult['status']
  /** What run has kept. */
  readonly bytes: Uint8Array
}

export interface Checkpoints {
  /** Where a trial was cut off; undefined where it was not, or where the file is of another search. */
  read(trial: Trial): Promise<(CutOff & { readonly bytes: Uint8Array<ArrayBuffer> }) | undefined>
  write(trial: Trial, cutOff: CutOff): Promise<void>
  /** Forgets a trial that has ended. */
  drop(trial: Trial): void
}

/** Those of the search in `file`; without a file there are none. */
export function checkpointsOf(file: string | undefined): Checkpoints {
  if (file === undefined) return { read: async () => undefined, async write() {}, drop() {} }
  const pathOf = ({ index }: Trial) => `${file}.trial-${index}`
  return {
    async read(trial) {
      const path = pathOf(trial)
      if (!fs.existsSync(path)) return undefined
      const file = await host.at('search', path).load()
      const all = file.subarray(CHECKSUM)
      const end = all.indexOf(NEWLINE)
      const isWhole = new TextDecoder().decode(file.subarray(0, CHECKSUM)) === checksumOf(all)
      const found = isWhole ? parse(all.subarray(0, Math.max(end, 0))) : undefined
      if (!isPlain(found)) throw new FileError(`search: ${path} is damaged; delete it, and the trial begins anew`)
      const { of, curve, status } = found as { of: string } & CutOff
      return of === ofTrial(trial) ? { curve, status, bytes: all.slice(end + 1) } : undefined
    },
    async write(trial, { curve, status, bytes }) {
      const head = new TextEncoder().encode(`${JSON.stringify({ of: ofTrial(trial), curve, status })}\n`)
      const file = new Uint8Array(CHECKSUM + head.length + bytes.length)
      file.set(head, CHECKSUM)
      file.set(bytes, CHECKSUM + head.length)
      file.set(new TextEncoder().encode(checksumOf(file.subarray(CHECKSUM))))
      await host.at('search', pathOf(trial)).save(file)
    },
    drop: (trial) => fs.rmSync(pathOf(trial), { force: true }),
  }
}

const NEWLINE = 10
/** Characters of a checksum, with which the file begins: of all behind it. */
const CHECKSUM = 16

/** What a trial is told by. */
function ofTrial({ index, seed, parameters }: Trial): string {
  return textOf({ index, seed, parameters })
}

function parse(line: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(line))
  } catch {
    return undefined
  }
}
