// A PNG file of pixels, by hand: a signature, then blocks of length, name, contents and checksum.
// https://www.w3.org/TR/png-3

import { deflateSync } from 'node:zlib'

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
const GRAY = 0
const RGB = 2

/**
 * The PNG file of an image, its planes of width x height values from 0 to 255 one after the other: one plane of grays,
 * or three of red, green and blue, as v128 has images.
 *
 * @param {ArrayLike<number>} planes
 * @param {number} width
 * @param {number} height
 */
export function encodePng(planes, width, height) {
  const size = width * height
  const channels = planes.length / size
  const rows = Buffer.alloc(height * (1 + width * channels))
  for (let y = 0, at = 0; y < height; y++) {
    // Each row begins with the filter it uses: none.
    at++
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++)
        rows[at++] = Math.max(0, Math.min(255, Math.round(planes[c * size + y * width + x])))
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, channels === 3 ? RGB : GRAY], 8)
  return Buffer.concat([
    Buffer.from(SIGNATURE),
    block('IHDR', header),
    block('IDAT', deflateSync(rows, { level: 9 })),
    block('IEND', Buffer.alloc(0)),
  ])
}

/**
 * @param {string} name
 * @param {Buffer} contents
 */
function block(name, contents) {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), contents])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(contents.length, 0)
  ends.writeUInt32BE(checksum(body), 4)
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)])
}

/** CRC-32. @param {Buffer} bytes */
function checksum(bytes) {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}
