// Examples with labels, some to train on and some that the network never sees.

export interface Examples {
  /** Raw values: bytes of pictures, coordinates of points, columns of a table. */
  readonly x: Uint8Array | Float32Array
  readonly y: Uint8Array
}

export interface Dataset {
  readonly name: string
  readonly title: string
  /** Shape of one example. */
  readonly input: readonly number[]
  readonly classes: readonly string[]
  readonly train: Examples
  readonly test: Examples
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/** What is done with raw values before the network sees them: value * times + plus. */
export function scaling(scale: 'unit' | 'standard' | 'raw', data: Dataset): { times: number; plus: number } {
  const isBytes = data.train.x instanceof Uint8Array
  if (scale === 'raw' || (!isBytes && scale === 'unit')) return { times: 1, plus: 0 }
  if (scale === 'unit') return { times: 1 / 255, plus: 0 }
  const { x } = data.train
  let [sum, squares] = [0, 0]
  for (const v of x) {
    sum += v
    squares += v * v
  }
  const mean = sum / x.length
  const std = Math.sqrt(Math.max(squares / x.length - mean * mean, 1e-12))
  return { times: 1 / std, plus: -mean / std }
}

/** Raw values as the network gets them. */
export function scaled(raw: ArrayLike<number>, { times, plus }: { times: number; plus: number }): Float32Array {
  const x = new Float32Array(raw.length)
  for (let i = 0; i < x.length; i++) x[i] = raw[i] * times + plus
  return x
}

/** Row i of raw values. */
export const row = ({ x }: Examples, i: number, size: number) => x.subarray(i * size, (i + 1) * size)

/** The first rows. */
export function first({ x, y }: Examples, count: number, size: number): Examples {
  const n = Math.min(count, y.length)
  return { x: x.subarray(0, n * size), y: y.subarray(0, n) }
}

/** Points of the plane are two numbers, whether of the page's data or of a table with two columns. */
export const isPlane = ({ input }: Dataset): boolean => input.join() === '2'
