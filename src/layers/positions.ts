import { checkArguments, checkOptions, few, oneOf } from '../errors'
import { type Initializer, normal } from '../initializers'
import { cos, exp, log, sin } from '../kernels/math'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { checkInitializer } from './weights'

/**
 * Adds to each position of a sequence what tells where it is: (N, T, D) to the same shape. `kind`, 'learned' unless given:
 * a table weight (T, D), filled by `init`, `normal(0.02)` unless given; 'sines' (Vaswani et al., 2017) are not learnt:
 * sin(t / 10000^(2i / D)) in column 2i, and the cos of it in column 2i + 1.
 *
 *     sequential(embedding(96, 32), positions(), attention({ heads: 4, causal: true }), dense(96))
 */
export function positions(options: { kind?: 'learned' | 'sines'; init?: Initializer } = {}): Layer {
  checkArguments('positions', arguments, 1)
  options = checkOptions('positions', options, ['kind', 'init'])
  const kind = oneOf('positions', 'kind', options.kind ?? 'learned', ['learned', 'sines'])
  const init = checkInitializer('positions', options.init)
  return {
    kind: 'positions',
    initBefore: 'next',
    config: { kind, ...(init && { init: { kind: init.kind, ...init.config } }) },
    plan(x, plan) {
      if (x.shape.length !== 2) throw plan.error(`wants a sequence (T, D), got an input of shape (${few(x.shape)})`)
      const [length, size] = x.shape
      const y = plan.value(x.shape)
      const sizes = [N, x.size]
      // The gradient of a sum is that of each term.
      plan.shareGradient(x, y)
      if (kind === 'sines') {
        const table = plan.constant(sines(length, size))
        plan.forward('addTable', { sizes, reads: [x, table], writes: [y], flops: x.size })
        return y
      }
      const options = { init: init ?? normal(0.02), fanIn: size, fanOut: size, decay: true }
      const weight = plan.parameter('weight', x.shape, options)
      plan.forward('addTable', { sizes, reads: [x, weight], writes: [y], flops: x.size })
      plan.backward('addChannelSums', { sizes: [N, x.size, x.size, 1], reads: [y.gradient], writes: [weight.gradient] })
      return y
    },
  }
}

/** The table of 'sines', (length, size). */
export function sines(length: number, size: number): number[] {
  return Array.from({ length: length * size }, (_, at) => {
    const column = at % size
    const angle = Math.floor(at / size) * exp((-2 * Math.floor(column / 2) * log(10000)) / size)
    return column % 2 ? cos(angle) : sin(angle)
  })
}
