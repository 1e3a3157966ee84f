// The binary files of CIFAR-10 and CIFAR-100: records without a header, each one or two bytes of label and 3072 of
// pixels, 32 rows of 32 for red, then for green, then for blue. https://www.cs.toronto.edu/~kriz/cifar.html

import { FileError, checkArguments, show } from '../errors'
import { type Bytes, hint, viewBytes } from './bytes'
import type { ByteData } from './idx'

const PIXELS = 3 * 32 * 32

/**
 * CIFAR-10 from the bytes of one of its binary files, or of several, one after the other: pixels from 0 to 255, `shape`
 * [3, 32, 32], labels from 0 to 9. Throws a FileError that says what is wrong with which file.
 *
 *     const training = readCifar10([1, 2, 3, 4, 5].map((i) => readFileSync(`data_batch_${i}.bin`)))
 */
export function readCifar10(files: Bytes | readonly Bytes[]): ByteData {
  checkArguments('readCifar10', arguments, 1, 'several files go into one list')
  const { x, labels } = readRecords('readCifar10', files, [{ name: 'label', count: 10 }])
  return { x, y: labels[0], shape: [3, 32, 32] }
}

/** Pictures with their classes, fine and coarse. */
export interface Cifar100Data extends ByteData {
  /** The superclass of each. */
  coarse: Uint8Array
}

/**
 * CIFAR-100 from the bytes of its binary files train.bin or test.bin: pixels from 0 to 255, `shape` [3, 32, 32]; y the
 * fine labels from 0 to 99, `coarse` the 20 superclasses. Throws a FileError that says what is wrong with the file.
 */
export function readCifar100(files: Bytes | readonly Bytes[]): Cifar100Data {
  checkArguments('readCifar100', arguments, 1, 'several files go into one list')
  const { x, labels } = readRecords('readCifar100', files, [
    { name: 'coarse label', count: 20 },
    { name: 'fine label', count: 100 },
  ])
  return { x, y: labels[1], coarse: labels[0], shape: [3, 32, 32] }
}

/** The files, each looked up once. */
function listFiles(reader: string, files: Bytes | readonly Bytes[]): readonly Bytes[] {
  try {
    return Array.isArray(files) ? Array.from(files as readonly Bytes[]) : [files as Bytes]
  } catch (cause) {
    throw new FileError(`${reader}: the list of files cannot be read: ${show(cause)}`, { cause })
  }
}

function readRecords(
  reader: string,
  files: Bytes | readonly Bytes[],
  kinds: readonly { readonly name: string; readonly count: number }[],
): { x: Uint8Array; labels: Uint8Array[] } {
  const record = kinds.length + PIXELS
  const list = listFiles(reader, files)
  const named = list.map((file, i) => {
    const where = list.length > 1 ? `${reader}: file ${i}` : reader
    return { where, bytes: viewBytes(where, file) }
  })
  // All is checked before anything is allocated.
  for (const { where, bytes } of named) {
    if (bytes.length === 0 || bytes.length % record !== 0) {
      throw new FileError(
        `${where}: ${bytes.length} bytes are ${Math.floor(bytes.length / record)} records of ${record} bytes and ` +
          `${bytes.length % record} bytes; want whole records${hint(bytes) || '; the file is truncated or another one'}`,
      )
    }
    for (let at = 0; at < bytes.length; at += record) {
      for (const [k, { name, count }] of kinds.entries()) {
        if (bytes[at + k] >= count) {
          throw new FileError(
            `${where}: record ${at / record} has ${name} ${bytes[at + k]}, want 0 to ${count - 1}` +
              (hint(bytes) || '; the file is damaged or another one'),
          )
        }
      }
    }
  }
  const count = named.reduce((sum, { bytes }) => sum + bytes.length / record, 0)
  if (!count) throw new FileError(`${reader}: want the bytes of at least one file, got none`)
  const x = new Uint8Array(count * PIXELS)
  const labels = kinds.map(() => new Uint8Array(count))
  let row = 0
  for (const { bytes } of named) {
    for (let at = 0; at < bytes.length; at += record, row++) {
      for (const [k, list] of labels.entries()) list[row] = bytes[at + k]
      x.set(bytes.subarray(at + kinds.length, at + record), row * PIXELS)
    }
  }
  return { x, labels }
}
