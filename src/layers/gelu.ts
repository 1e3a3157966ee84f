import { checkArguments, checkOptions, oneOf } from '../errors'
import { GELU, GELU_TANH } from '../kernels/curve-kinds'
import type { Layer } from '../plan/layer'
import { curve } from './curve'

/**
 * GELU (Hendrycks & Gimpel, 2016): y = x Φ(x), of any shape, where Φ is the standard normal distribution,
 * (1 + erf(x / √2)) / 2, within 3 roundings (5 in float32). `approximate`, 'none' unless given: 'tanh' takes
 * (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2 for it.
 */
export function gelu(options: { approximate?: 'none' | 'tanh' } = {}): Layer {
  checkArguments('gelu', arguments, 1)
  options = checkOptions('gelu', options, ['approximate'])
  const approximate = oneOf('gelu', 'approximate', options.approximate ?? 'none', ['none', 'tanh'])
  return { ...curve('gelu', { approximate }, approximate === 'tanh' ? GELU_TANH : GELU), initBefore: 'he' }
}
