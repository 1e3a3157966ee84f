// Neighbours that one kernel can do.

import { type Call, type Origin, nameOf } from './calls'
import { type Value, blockOf } from './value'

/** Two neighbours whose work one call does. */
export interface Join {
  readonly first: Call
  readonly second: Call
  readonly call: Call
}

/** Where the flag for a ReLU stands among the sizes of the kernels that can do one as well. */
const RELU_FLAG: Readonly<Record<string, number>> = {
  batchNormForward: 6,
  batchNormBackward: 5,
  batchNormFeaturesForward: 5,
  batchNormFeaturesBackward: 4,
  maxPool2dForward: 11,
  maxPool2x2Forward: 5,
}

/**
 * Joins a ReLU with what is beside it: batch norm takes the ReLU behind it in the same pass over memory, and max-pooling
 * the one before it, for the pool of max(0, x) is max(0, the pool of x). The value between them is then never written.
 */
export function fuse(recorded: readonly Call[], pruned: readonly Call[], heads: readonly Value[]) {
  const forward = [...recorded]
  const backward = [...pruned]
  const joins: Join[] = []
  const joined = new Map<Origin, string>()
  const mentions = countMentions([...forward, ...backward])

  for (let i = 0; i + 1 < forward.length; i++) {
    const [first, second] = [forward[i], forward[i + 1]]
    const isNorm = nameOf(first).startsWith('batchNorm')
    const [main, relu] = isNorm ? [first, second] : [second, first]
    // The kernels of ReLU take NaN for no ceiling.
    if (relu.kernel !== 'reluForward' || !Number.isNaN(relu.sizes[1])) continue
    if (!(isNorm || nameOf(main).startsWith('maxPool2')) || main.sizes[flagOf(main)] !== 0) continue
    const block = blockOf(second.reads[0])
    if (!block || block !== blockOf(first.writes.at(-1)) || heads.some(({ data }) => data === block)) continue
    const y = blockOf(relu.writes[0])
    const at = backward.findIndex(({ kernel, reads }) => kernel === 'reluBackward' && blockOf(reads[0]) === y)
    // Written and read, and by ReLU's backward pass where the block is its output; what else reads it needs it.
    if (mentions.get(block) !== (isNorm || at < 0 ? 2 : 3)) continue
    if (isNorm && at >= 0) {
      // Batch norm's backward pass takes the signs from x.
      const [{ reads }, norm] = backward.slice(at)
      backward.splice(at, 2, withRelu(norm, { reads: [...norm.reads.slice(0, -1), reads[1]] }))
    } else if (at >= 0) {
      // The pool's needs no output of ReLU.
      backward.splice(at - 1, 2, { ...backward[at - 1], writes: backward[at].writes })
    }
    const change = isNorm ? { writes: [...main.writes.slice(0, -1), relu.writes[0]] } : { reads: relu.reads }
    const call = withRelu(main, change)
    joins.push({ first, second, call })
    joined.set(relu.layer, `${isNorm ? '+ ' : ''}${relu.layer.kind}`)
    forward.splice(i, 2, call)
  }
  return { forward, backward, joins, joined }
}

function countMentions(calls: readonly Call[]): Map<unknown, number> {
  const mentions = new Map<unknown, number>()
  for (const { reads, writes } of calls) {
    for (const block of [...reads, ...writes].map(blockOf)) mentions.set(block, (mentions.get(block) ?? 0) + 1)
  }
  return mentions
}

function flagOf({ kernel }: Call): number {
  return RELU_FLAG[kernel as string]
}

function withRelu(call: Call, change: Partial<Call>): Call {
  return { ...call, ...change, sizes: call.sizes.with(flagOf(call), 1) }
}
