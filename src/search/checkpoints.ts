// Checkpoints of trials that have not ended: what run has kept, and what the search knew of the trial then.

import { FileError, isPlain } from '../errors'
import { checksumOf } from '../io/checksum'
import type { Trial } from './space'
import type { Store } from './store'
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
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** Where a store keeps the checkpoint of a trial. */
export function checkpointName({ index }: Trial): string {
  return `trial-${index}`
}

/** Where a trial was cut off; undefined where it was not, or where what is kept is of another search. */
export async function readCheckpoint(store: Store, trial: Trial): Promise<CutOff | undefined> {
  const name = checkpointName(trial)
  const file = await store.load(name)
  if (!file) return undefined
  const all = file.subarray(CHECKSUM)
  const end = all.indexOf(NEWLINE)
  const isWhole = new TextDecoder().decode(file.subarray(0, CHECKSUM)) === checksumOf(all)
  const found = isWhole ? parse(all.subarray(0, Math.max(end, 0))) : undefined
  if (!isPlain(found)) {
    throw new FileError(`search: ${store.name}.${name} is damaged; delete it, and the trial begins anew`)
  }
  const { of, curve, status } = found as { of: string } & CutOff
  return of === ofTrial(trial) ? { curve, status, bytes: all.slice(end + 1) } : undefined
}

export async function writeCheckpoint(
  store: Store,
  trial: Trial,
  {
    curve,
    status,
    bytes,
  }: { readonly curve: Curve; readonly status: TrialResult['status']; readonly bytes: Uint8Array },
): Promise<void> {
  const head = new TextEncoder().encode(`${JSON.stringify({ of: ofTrial(trial), curve, status })}\n`)
  const file = new Uint8Array(CHECKSUM + head.length + bytes.length)
  file.set(head, CHECKSUM)
  file.set(bytes, CHECKSUM + head.length)
  file.set(new TextEncoder().encode(checksumOf(file.subarray(CHECKSUM))))
  await store.save(checkpointName(trial), file)
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
