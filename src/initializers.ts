import { finite } from './errors'
import type { Random } from './random'

/** How a parameter gets its first values. fanIn, fanOut: connections of one output, of one input. */
export interface Initializer {
  readonly kind: string
  readonly config: object
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

/** Normal values with mean 0 and the given standard deviation. */
export function normal(std = 0.01): Initializer {
  finite('normal', 'std', std, 0)
  return gaussian('normal', { std }, () => std)
}

/** Glorot & Bengio (2010): normal values of variance 2 / (fanIn + fanOut). For tanh, sigmoid and linear outputs. */
export function xavier(): Initializer {
  return gaussian('xavier', {}, (fanIn, fanOut) => Math.sqrt(2 / (fanIn + fanOut)))
}

/** He et al. (2015): normal values of variance 2 / fanIn. For ReLU and its kin. */
export function he(): Initializer {
  return gaussian('he', {}, (fanIn) => Math.sqrt(2 / fanIn))
}

/** The same value everywhere. */
export function constant(value: number): Initializer {
  finite('constant', 'value', value)
  return { kind: 'constant', config: { value }, fill: (values) => void values.fill(value) }
}

/** Zero everywhere. */
export function zeros(): Initializer {
  return { ...constant(0), kind: 'zeros', config: {} }
}
