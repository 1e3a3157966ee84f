import { MAX_SIZE, PlanError, checkArguments, checkOptions, few, flag, integer, show } from '../errors'
import { xavier, zeros } from '../initializers'
import { attentionScratch } from '../kernels/blocking'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'
import type { Plan } from '../plan/plan'
import type { Place, Reference, Value } from '../plan/value'
import { maskOf } from './dropout'
import { planLinear } from './linear'

/**
 * Attention of several heads (Vaswani et al., 2017), as PyTorch's nn.MultiheadAttention, batch first: (N, T, D) to the
 * same shape, each position a mean of what all positions have to say, by softmax(q kᵀ / √(D / heads)) of each head.
 * `heads`, 1 unless given, divides D. With `causal`, false unless given, position t sees 0 ... t alone, as a model that is
 * to continue a text must. `keep`, 1 unless given: the probability that a weight of the mean is kept in training, as
 * dropout has it.
 *
 * in_proj_weight: (3D, D) and in_proj_bias: (3D), of queries, keys and values; out_proj.weight: (D, D), out_proj.bias: (D).
 *
 *     const block = [
 *       residual(sequential(layerNorm(), attention({ heads: 4, causal: true }))),
 *       residual(sequential(layerNorm(), dense(128), gelu(), dense(32))),
 *     ]
 *     const network = sequential(embedding(96, 32), positions(), ...block, layerNorm(), dense(96))
 *
 * With two inputs of a graph, cross-attention: keys and values are of the second, whose length may be another.
 *
 *     graph(['x', 'memory'], ({ x, memory }, use) => use('cross', attention({ heads: 2 }), x, memory))
 *
 * Where the data say the lengths of their rows (`{ x, y, lengths }`), no position sees what is behind the end.
 * Scores are made for a few queries at a time, twice, so memory grows with T and not with its square. Throws a PlanError
 * when planned on what is no sequence, or on widths that differ or that the heads do not divide.
 */
export function attention(options: { heads?: number; causal?: boolean; keep?: number } = {}): Layer {
  checkArguments('attention', arguments, 1)
  options = checkOptions('attention', options, ['heads', 'causal', 'keep'])
  const heads = integer('attention', 'heads', options.heads ?? 1, 1, MAX_SIZE)
  const causal = flag('attention', 'causal', options.causal ?? false)
  const keep = options.keep ?? 1
  if (!(typeof keep === 'number' && keep > 0 && keep <= 1)) {
    throw new PlanError(
      `attention: keep, the probability to keep a weight of the mean, must be above 0 and at most 1, got ${show(keep)}`,
    )
  }
  return {
    kind: 'attention',
    config: { heads, causal, ...(keep < 1 && { keep }) },
    inputs: [1, 2],
    plan(x, plan, memory) {
      checkSequences(x, memory, heads, causal, plan)
      const [queries, width] = x.shape
      const inWeight = plan.parameter('in_proj_weight', [3 * width, width], {
        init: xavier(),
        fanIn: width,
        fanOut: 3 * width,
        decay: true,
      })
      const noBias = { init: zeros(), fanIn: 1, fanOut: 1, decay: false }
      const inBias = plan.parameter('in_proj_bias', [3 * width], noBias)
      const outWeight = plan.parameter('out_proj.weight', [width, width], {
        init: xavier(),
        fanIn: width,
        fanOut: width,
        decay: true,
      })
      const outBias = plan.parameter('out_proj.bias', [width], noBias)
      /** The projection of a sequence by `parts` of the three, from the first on. */
      const project = (from: Value, first: number, parts: number) => {
        const y = plan.value([from.shape[0], parts * width])
        const part = (whole: Place | undefined, each: number): Reference =>
          whole && (first ? { within: whole, offset: first * each } : whole)
        const record = planLinear(plan, {
          x: from,
          y,
          rows: from.shape[0],
          inputs: width,
          outputs: parts * width,
          weight: part(inWeight, width * width),
          weightGradient: part(inWeight.gradient, width * width),
          bias: part(inBias, width),
          biasGradient: part(inBias.gradient, width),
        })
        return { y, record }
      }
      const own = project(x, 0, memory ? 1 : 3)
      const other = memory && project(memory, 1, 2)
      // Where queries, keys and values lie.
      const [q, kv] = [own.y, other?.y ?? own.y]
      const skipped = other ? 0 : 1
      const placesIn = (whole: Value | Place | undefined, first: number): Reference =>
        whole && (first ? { within: whole, offset: first * width } : whole)
      const [k, v] = [placesIn(kv, skipped), placesIn(kv, skipped + 1)]
      const [dk, dv] = [placesIn(kv.gradient, skipped), placesIn(kv.gradient, skipped + 1)]
      const seen = plan.value([queries, width])
      const statistics = plan.saved(plan.batch * heads * queries * 2 * plan.bytes)
      const keys = (memory ?? x).shape[0]
      const size = width / heads
      const rows = [q.shape[1], kv.shape[1]]
      const sizes = [N, heads, heads, queries, keys, size, ...rows, Number(causal), 1]
      const scratch = attentionScratch(size, keys, plan.bytes)
      const scale = 1 / Math.sqrt(size)
      // What stands behind the end of a row is seen by nobody.
      const lengths = plan.lengthsOf(memory ?? x)
      const whole = [-32768, 0, 0, 1]
      const mask = keep < 1 ? maskOf(plan, keep, 1 / keep) : whole
      const passes = keep < 1 ? [{ draws: true }, { draws: false }] : [{}]
      for (const pass of passes) {
        plan.forward('attentionForward', {
          ...pass,
          sizes: [...sizes, ...('draws' in pass && !pass.draws ? whole : mask), scale],
          reads: [q, k, v, lengths],
          scratch,
          writes: [statistics, seen],
          flops: 'draws' in pass && pass.draws ? 0 : heads * queries * keys * (4 * size + 5),
        })
      }
      const y = plan.value(x.shape)
      planLinear(plan, {
        x: seen,
        y,
        rows: queries,
        inputs: width,
        outputs: width,
        weight: outWeight,
        weightGradient: outWeight.gradient,
        bias: outBias,
        biasGradient: outBias.gradient,
      })()
      for (const pass of passes) {
        plan.backward('attentionBackward', {
          ...pass,
          sizes: [...sizes, ...('draws' in pass && !pass.draws ? whole : mask), scale],
          reads: [q, k, v, lengths, statistics, seen.gradient],
          scratch,
          writes: [q.gradient, dk, dv],
        })
      }
      other?.record()
      own.record()
      return y
    },
  }
}

function checkSequences(x: Value, memory: Value | undefined, heads: number, causal: boolean, plan: Plan): void {
  for (const { shape } of memory ? [x, memory] : [x]) {
    if (shape.length !== 2) throw plan.error(`wants sequences (T, D), got an input of shape (${few(shape)})`)
  }
  const width = x.shape[1]
  if (memory && memory.shape[1] !== width) {
    throw plan.error(
      `its inputs are ${width} and ${memory.shape[1]} wide, but must be equally so; put dense(${width}) before the second`,
    )
  }
  if (memory && causal) {
    throw plan.error('causal is for one input, whose positions follow one another; leave it out where there are two')
  }
  if (width % heads) throw plan.error(`${heads} heads do not divide the ${width} numbers of a position`)
}
