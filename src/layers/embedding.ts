import { PlanError, checkArguments, checkOptions, few, integer } from '../errors'
import { type Initializer, normal } from '../initializers'
import { times } from '../plan/calls'
import type { Layer } from '../plan/layer'
import type { Plan } from '../plan/plan'
import type { Parameter, Value } from '../plan/value'
import { planLinear } from './linear'
import { checkInitializer } from './weights'

/** Kernels count with 32 bits; above 2^24 float32 has not every whole number. */
const MOST_WORDS = 2 ** 31 - 1
const MOST_SINGLE = 2 ** 24

/**
 * A row of a table for each whole number: (N, T) to (N, T, size), as PyTorch's nn.Embedding. weight: (vocabulary, size),
 * filled by `init`, `normal(1)` unless given. The input of the model says that it is of whole numbers; they are checked
 * as they come. The row of `padding`, none unless given, is 0 at first and learns nothing.
 *
 *     const network = sequential(embedding(20_000, 64), mean(), dense(2))
 *     const model = await createModel(network, { input: { shape: [40], dtype: 'int32' }, loss: softmaxCrossEntropy() })
 *
 * Used once more in a graph, under the same name, on values of `size` numbers, it is the head of a language model whose
 * weights are tied to it (Press & Wolf, 2017): y = x weightᵀ, a score for each word.
 *
 *     graph(['ids'], ({ ids }, use) => {
 *       const words = embedding(96, 32, { init: normal(0.02) })
 *       return use('words', words, use('body', dense(32), use('words', words, ids)))
 *     })
 */
export function embedding(
  vocabulary: number,
  size: number,
  options: { padding?: number; init?: Initializer } = {},
): Layer {
  checkArguments('embedding', arguments, 3)
  integer('embedding', 'vocabulary', vocabulary, 1, MOST_WORDS)
  integer('embedding', 'size', size, 1, MOST_WORDS)
  options = checkOptions('embedding', options, ['padding', 'init'])
  const padding = options.padding === undefined ? -1 : integer('embedding', 'padding', options.padding, 0)
  if (padding >= vocabulary) {
    throw new PlanError(`embedding: padding must be an id of the vocabulary, below ${vocabulary}, got ${padding}`)
  }
  const told = checkInitializer('embedding', options.init)
  const init = withPadding(told ?? normal(1), padding, size)
  return {
    kind: 'embedding',
    config: {
      vocabulary,
      size,
      ...(padding >= 0 && { padding }),
      ...(told && { init: { kind: told.kind, ...told.config } }),
    },
    plan(x, plan) {
      if (!x.ids && !plan.again) {
        throw plan.error(
          `wants whole numbers, ids below ${vocabulary}, got an input of shape (${few(x.shape)}) of the model's dtype; ` +
            (plan.inputs.includes(x)
              ? `give the input as { shape: [${few(x.shape)}], dtype: 'int32' }`
              : 'ids come from an input of the model; on what layers computed it is a tied head, used under the same name'),
        )
      }
      if (plan.dtype === 'float32' && vocabulary > MOST_SINGLE) {
        throw plan.error(`float32 counts to ${MOST_SINGLE}, not to ${vocabulary}; take dtype: 'float64'`)
      }
      const shape = [vocabulary, size]
      const still = padding < 0 ? undefined : ([padding * size, (padding + 1) * size] as const)
      const weight = plan.parameter('weight', shape, { init, fanIn: size, fanOut: vocabulary, decay: true, still })
      return x.ids ? planTable(x, plan, weight, padding) : planHead(x, plan, weight)
    },
  }
}

/** The initializer, and 0 for the row of `padding`, if there is one. */
function withPadding(init: Initializer, padding: number, size: number): Initializer {
  if (padding < 0) return init
  return {
    ...init,
    fill(values, ...others) {
      const result: unknown = init.fill(values, ...others)
      values.fill(0, padding * size, (padding + 1) * size)
      return result as void
    },
  }
}

function planTable(x: Value, plan: Plan, weight: Parameter, padding: number): Value {
  const [vocabulary, size] = weight.shape
  const { ids } = x
  ids!.below = Math.min(ids!.below, vocabulary)
  const y = plan.value([...x.shape, size])
  const rows = times(x.size)
  plan.forward('embeddingForward', { sizes: [rows, size, vocabulary], reads: [x, weight], writes: [y] })
  plan.backward('embeddingBackward', {
    sizes: [rows, size, size, vocabulary, padding],
    reads: [x, y.gradient],
    writes: [weight.gradient],
  })
  return y
}

function planHead(x: Value, plan: Plan, weight: Parameter): Value {
  const [vocabulary, size] = weight.shape
  if (x.shape.at(-1) !== size) {
    throw plan.error(`used on values it wants ${size} of them, as its rows have, got (${few(x.shape)})`)
  }
  const y = plan.value([...x.shape.slice(0, -1), vocabulary])
  const rows = x.size / size
  planLinear(plan, { x, y, rows, inputs: size, outputs: vocabulary, weight, weightGradient: weight.gradient })()
  return y
}
