// A slow disk: files come to it in small pieces with pauses between them, so that a kill hits a write.
import { setTimeout } from 'node:timers/promises'
import { saveToDisk } from '../../src/io/disk'

const PIECES = 16

/** saveFile, with so many milliseconds after each piece. */
export function saveSlowly(file: string, bytes: Uint8Array, pause: number): Promise<void> {
  return saveToDisk(file, bytes, async (handle, all) => {
    const piece = Math.ceil(all.length / PIECES)
    for (let at = 0; at < all.length; at += piece) {
      await handle.write(all.subarray(at, at + piece))
      await setTimeout(pause)
    }
  })
}
