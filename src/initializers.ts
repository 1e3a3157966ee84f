import { checkArguments, checkOptions, finite } from './errors'
import type { Random } from './random'

/** How a parameter gets its first values. fanIn, fanOut: connections of one output, of one input. */
export interface Initializer {
  /** The name of the function that made it. */
  readonly kind: string
  /** What that function was given. */
  readonly config: object
  /** Writes the first values of a parameter. */
  fill(values: Float64Array | Float32Array, fanIn: number, fanOut: number, random: Random): void
}

function gaussian(kind: string, config: object, std: (fanIn: number, fanOut: number) => number): Initializer {
  return {
    kind,
    config,
    fill(values, fanIn, fanOut, random) {
      const scale = std(fanIn, fanOut)
      for (let i = 0; i < values.length; i++) values[i] = scale * random.normal()
    },
  }
}

/** Normal values with mean 0 and standard deviation `std`, 0.01 unless given. */
export function normal(std = 0.01): Initializer {
  checkArguments('normal', arguments, 1)
  finite('normal', 'std', std, 0)
  return gaussian('normal', { std }, () => std)
}

/**
 * Glorot & Bengio (2010): normal values of variance gain² · 2 / (fanIn + fanOut); `gain` is 1 unless given. For tanh,
 * sigmoid and linear outputs.
 */
export function xavier(options: { gain?: number } = {}): Initializer {
  checkArguments('xavier', arguments, 1)
  const gain = finite('xavier', 'gain', checkOptions('xavier', options, ['gain']).gain ?? 1, 0)
  return gaussian('xavier', gain === 1 ? {} : { gain }, (fanIn, fanOut) => gain * Math.sqrt(2 / (fanIn + fanOut)))
}

/** He et al. (2015): normal values of variance 2 / fanIn. For ReLU and its kin. */
export function he(): Initializer {
  checkArguments('he', arguments, 0)
  return gaussian('he', {}, (fanIn) => Math.sqrt(2 / fanIn))
}

/** The same value everywhere. */
export function constant(value: number): Initializer {
  checkArguments('constant', arguments, 1)
  finite('constant', 'value', value)
  return { kind: 'constant', config: { value }, fill: (values) => void values.fill(value) }
}

/** Zero everywhere. */
export function zeros(): Initializer {
  checkArguments('zeros', arguments, 0)
  return { ...constant(0), kind: 'zeros', config: {} }
}

/**
 * Orthogonal rows, or columns where there are fewer of them, of length `gain`, 1 unless given: W Wᵀ = gain² I, or WᵀW
 * (Saxe et al., 2014). The W of a convolution is (filters, channels · KH · KW). Normal values, made orthogonal by Gram
 * and Schmidt, which leaves the diagonal of R positive, so that every such W is as likely as any other. Takes time in
 * proportion to rows · columns · the lesser of both.
 *
 *     dense(100, { init: orthogonal() })
 */
export function orthogonal(options: { gain?: number } = {}): Initializer {
  checkArguments('orthogonal', arguments, 1)
  options = checkOptions('orthogonal', options, ['gain'])
  const gain = finite('orthogonal', 'gain', options.gain ?? 1, 0)
  return {
    kind: 'orthogonal',
    config: { gain },
    fill(values, fanIn, _fanOut, random) {
      const rows = values.length / fanIn
      const wide = rows <= fanIn
      const [count, length] = wide ? [rows, fanIn] : [fanIn, rows]
      // As many vectors as are to be orthogonal, one after the other, in float64.
      const vectors = Float64Array.from(values, () => random.normal())
      for (let i = 0; i < count; i++) {
        const v = vectors.subarray(i * length, (i + 1) * length)
        let norm = Math.sqrt(dot(v, v))
        for (let before = Infinity; norm < before / 2;) {
          // Once more where much was cancelled, and with it digits: "twice is enough" (Kahan).
          before = norm
          for (let j = 0; j < i; j++) {
            const u = vectors.subarray(j * length, (j + 1) * length)
            const along = dot(u, v)
            for (let k = 0; k < length; k++) v[k] -= along * u[k]
          }
          norm = Math.sqrt(dot(v, v))
        }
        for (let k = 0; k < length; k++) v[k] /= norm
      }
      for (let i = 0; i < values.length; i++) {
        const at = wide ? i : (i % fanIn) * length + Math.floor(i / fanIn)
        values[i] = gain * vectors[at]
      }
    },
  }
}

/** In four partial sums, which do not wait for each other. */
function dot(a: Float64Array, b: Float64Array): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0]
  let i = 0
  for (; i + 4 <= a.length; i += 4) {
    s0 += a[i] * b[i]
    s1 += a[i + 1] * b[i + 1]
    s2 += a[i + 2] * b[i + 2]
    s3 += a[i + 3] * b[i + 3]
  }
  for (; i < a.length; i++) s0 += a[i] * b[i]
  return s0 + s1 + (s2 + s3)
}
