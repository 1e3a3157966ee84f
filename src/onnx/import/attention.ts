// Attention, which files write out: products of what the network computes, a softmax between them, and projections before
// and behind. The products alone are no layers. Where numbers of a projection end up is found by moving their places
// about as the file moves the numbers, so it does not matter by which axes and parts an exporter does it.

import { few } from '../../errors'
import { attention } from '../../layers/attention'
import type { Tensor } from '../../tensor'
import { product } from '../../tensor'
import { scaleWeights } from './arithmetic'
import { type Active, type Role, type Step, exampleOf } from './builder'
import { type Constant, uniformOf } from './constants'
import type { Converter, Op } from './op'

/** Where the numbers of a value come from: a step that does not only move or scale them, and the place of each there. */
interface Origin {
  readonly from: number
  readonly step: Step | undefined
  readonly stored: readonly number[]
  readonly places: Int32Array
  readonly scale: number
}

function originOf(op: Op, x: Active): Origin {
  const { steps, budget } = op.builder
  const moves: Step[] = []
  let now = x
  let scale = 1
  for (let step = steps[now.from]; step; step = steps[now.from]) {
    const factor = step.factor?.()
    if (!step.moves && !step.reshapes && factor === undefined) break
    scale *= factor ?? 1
    moves.push(step)
    ;[now] = step.of
  }
  const size = product(now.stored)
  budget.take((size * (1 + moves.length)) / 2, 'attention')
  let places: Int32Array = Int32Array.from({ length: size }, (_, i) => i)
  for (const { moves: move, of } of moves.toReversed()) if (move) places = moved(places, of[0].stored, move)
  return { from: now.from, step: steps[now.from], stored: now.stored, places, scale }
}

function moved(places: Int32Array, shape: readonly number[], move: NonNullable<Step['moves']>): Int32Array {
  if ('axis' in move) {
    const { axis, from, to } = move
    const [inner, size] = [product(shape.slice(axis + 1)), shape[axis]]
    return places.filter((_, i) => {
      const at = Math.floor(i / inner) % size
      return at >= from && at < to
    })
  }
  const { order } = move
  const steps = order.map((axis) => product(shape.slice(axis + 1)))
  const sizes = order.map((axis) => shape[axis])
  return places.map((_, i) => {
    let [rest, at] = [i, 0]
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      at += (rest % sizes[axis]) * steps[axis]
      rest = Math.floor(rest / sizes[axis])
    }
    return places[at]
  })
}

const HOW = 'no layer multiplies what the network computes by what it computes, but attention with its projections'

/** The product of two values, which is a part of attention. */
export function multiply(op: Op, a: Active, b: Active): Active {
  const [left, right] = [exampleOf(a), exampleOf(b)]
  const isPlain =
    left.length === right.length && left.length >= 2 && a.batch === b.batch && a.batch < a.shape.length - 2
  const outer = left.slice(0, -2)
  const [rows, inner] = left.slice(-2)
  const columns = right.at(-1)!
  if (!isPlain || right.at(-2) !== inner || outer.join() !== right.slice(0, -2).join()) {
    throw op.fail(`${HOW}; (${few(left)}) by (${few(right)}) is none`)
  }
  const shape = [...a.shape.slice(0, -1), columns]
  const stored = [...outer, rows, columns]
  const fault = op.fail(HOW)
  const add = (role: Role, fold?: Step['fold']): Active => {
    const step: Step = {
      hint: op.hint(),
      make() {
        throw fault
      },
      of: [a, b],
      weights: {},
      role,
      fold,
    }
    return { ...op.builder.add(step, stored, shape, a.batch), merged: a.merged }
  }
  const before = op.builder.steps[a.from]
  const shares = before?.reshapes ? before.of[0].from : a.from
  const step = op.builder.steps[shares]
  if (step?.role?.kind === 'shares') {
    const scores = originOf(op, step.of[0])
    if (scores.step?.role?.kind !== 'scores' || scores.places.some((place, i) => place !== i)) throw fault
    const keys = exampleOf(scores.step.role.b).at(-1)
    // Each row that the softmax sees must be the scores of one query.
    if (step.of[0].stored.at(-1) !== keys || inner !== keys) throw fault
    scaleScores(scores.step.role, scores.scale)
    return add({ kind: 'seen', scores: scores.step.role, values: b })
  }
  const role: Scores = { kind: 'scores', a, b, scale: 1 }
  const apply = (scale: readonly number[], shift: readonly number[]) => {
    const isMask = shift.length > 1
    if (scale.length !== 1 || (isMask ? role.mask : shift[0] !== 0)) return false
    scaleScores(role, scale[0])
    if (isMask) role.mask = [...shift]
    return true
  }
  return add(role, { axis: 'last', size: rows * columns, apply })
}

type Scores = Extract<Role, { kind: 'scores' }>

/** Scores so many times as large, and what a mask added to them. */
function scaleScores(role: Scores, by: number): void {
  role.scale *= by
  role.mask = role.mask?.map((value) => value * by)
}

/** Whether a mask hides from each position what comes after it, and nothing else. */
function isCausal(mask: readonly number[], size: number): boolean {
  return mask.every((value, i) => (i % size > Math.floor(i / size) ? value <= -HIDDEN : value === 0))
}

/** What a mask adds, at least, to hide something. */
const HIDDEN = 1e4

/** For each number of a projection's output that a head has, the row of the weights that makes it. */
function rowsOf(
  op: Op,
  { places, stored }: Origin,
  at: (head: number, time: number, i: number) => number,
  sizes: Sizes,
) {
  const { heads, time, size } = sizes
  const units = stored.at(-1)!
  const rows: number[] = []
  for (let head = 0; head < heads; head++) {
    for (let i = 0; i < size; i++) {
      const row = places[at(head, 0, i)]
      rows.push(row)
      for (let t = 0; t < time; t++) {
        if (row >= units || places[at(head, t, i)] !== t * units + row)
          throw op.fail(`${HOW}, and these heads are none`)
      }
    }
  }
  return rows
}

interface Sizes {
  readonly heads: number
  readonly time: number
  readonly size: number
}

/** Attention, where x is what it sees, whose heads stand side by side, and `weight` projects that; undefined elsewhere. */
export function attend(op: Op, x: Active, weight: Constant, hint: string, bias?: Constant, by = 1): Active | undefined {
  const { steps } = op.builder
  // A cheap look first.
  let from = x.from
  while (steps[from]?.moves || steps[from]?.reshapes) from = steps[from].of[0].from
  const { role } = steps[from] ?? {}
  if (role?.kind !== 'seen') return undefined
  const { scores, values } = role
  const fault = (why: string) => op.fail(`it ends an attention, but ${why}`)
  const [queries, size] = exampleOf(scores.a).slice(-2)
  const heads = product(exampleOf(scores.a).slice(0, -2))
  const keys = exampleOf(scores.b).at(-1)!
  const width = heads * size
  if (exampleOf(values).at(-1) !== size || weight.dims.join() !== [width, width].join()) {
    throw fault(
      `its widths differ: ${heads} heads of ${size} and ${few(exampleOf(values))}, projected by (${few(weight.dims)})`,
    )
  }
  const seen = originOf(op, x)
  const inOrder = seen.places.every((place, i) => {
    const [t, head, at] = [Math.floor(i / width), Math.floor((i % width) / size), i % size]
    return place === (head * queries + t) * size + at
  })
  if (!inOrder || seen.scale !== 1) throw fault('its heads do not stand side by side')
  const [q, k, v] = [scores.a, scores.b, values].map((one) => originOf(op, one))
  const rows = [
    rowsOf(op, q, (head, t, i) => (head * queries + t) * size + i, { heads, time: queries, size }),
    rowsOf(op, k, (head, t, i) => (head * size + i) * keys + t, { heads, time: keys, size }),
    rowsOf(op, v, (head, t, i) => (head * keys + t) * size + i, { heads, time: keys, size }),
  ]
  const factors = [q.scale * k.scale * scores.scale * Math.sqrt(size), 1, v.scale]
  const sources = [q, k, v].map(({ step }) => step?.of[0])
  const [source, memory, third] = sources
  if (!source || !memory || memory.from !== third?.from) throw fault('its keys and values are not of one source')
  const weights = projections([q, k, v], rows, factors, width)
  if (!weights) throw fault(`its projections are not dense layers of ${width} numbers`)
  const isSelf = source.from === memory.from && source.stored.join() === memory.stored.join()
  const causal = scores.mask !== undefined && scores.mask.some((value) => value !== 0)
  if (causal && !(isSelf && isCausal(scores.mask!, keys))) throw fault('its mask is not that of causal attention')
  const isDouble = weight.read() instanceof Float64Array
  const own = (data: Tensor['data'], scale = 1) => (scale === 1 ? data : data.map((value) => value * scale))
  const one = bias && uniformOf(bias)
  const zeros = isDouble ? new Float64Array(width) : new Float32Array(width)
  const outBias = bias ? (one === undefined ? bias.read() : zeros.fill(one)) : zeros
  if (outBias.length !== width) throw fault(`its bias is of ${outBias.length} numbers`)
  weights['out_proj.weight'] = { shape: [width, width], data: own(weight.read(), by) }
  weights['out_proj.bias'] = { shape: [width], data: outBias }
  const apply = (scale: readonly number[], shift: readonly number[]) => {
    const out: Record<string, Tensor> = { weight: weights['out_proj.weight'], bias: weights['out_proj.bias'] }
    scaleWeights(out, width, scale, shift, (i) => Math.floor(i / width))
    weights['out_proj.weight'] = out.weight
    weights['out_proj.bias'] = out.bias
    return true
  }
  const { builder } = op
  const of = [builder.as(source, [queries, width])]
  if (!isSelf) of.push(builder.as(memory, [keys, width]))
  const made = op.gives(of, [queries, width], () => attention({ heads, causal }), {
    hint: /^(matmul|gemm)/i.test(hint) ? 'attention' : hint,
    weights,
    fold: { axis: 'last', size: width, apply },
    batch: x.batch,
    example: exampleOf(x),
  })
  return { ...made, merged: x.merged }
}

/** Rows of the dense layers that the three come from, one under the other; undefined where they are none of that width. */
function projections(
  origins: readonly Origin[],
  rows: readonly (readonly number[])[],
  factors: readonly number[],
  width: number,
): Record<string, Tensor> | undefined {
  const [{ step: first }] = origins
  const isDouble = first?.weights.weight?.data instanceof Float64Array
  const weight = isDouble ? new Float64Array(3 * width * width) : new Float32Array(3 * width * width)
  const bias = isDouble ? new Float64Array(3 * width) : new Float32Array(3 * width)
  for (const [part, { step }] of origins.entries()) {
    const { weight: w, bias: b } = step?.weights ?? {}
    if (step?.role?.kind !== 'dense' || w?.shape[1] !== width) return undefined
    const factor = Math.abs(factors[part] - 1) < 1e-6 ? 1 : factors[part]
    rows[part].forEach((row, i) => {
      const at = part * width + i
      for (let k = 0; k < width; k++) weight[at * width + k] = w.data[row * width + k] * factor
      if (b) bias[at] = b.data[row] * factor
    })
  }
  return {
    in_proj_weight: { shape: [3 * width, width], data: weight },
    in_proj_bias: { shape: [3 * width], data: bias },
  }
}

/** A mask of what attention must not see, by a choice between its scores and a very low number. */
export const where: Converter = (op) => {
  const test = op.constant(0, 'what it chooses by')
  const isFirst = op.get(1).kind === 'active'
  const x = op.active(isFirst ? 1 : 2)
  const other = uniformOf(op.constant(isFirst ? 2 : 1, 'the other choice'))
  const { role, fold } = op.builder.steps[x.from] ?? {}
  const full = exampleOf(x).slice(-2)
  const isTable = product(test.dims) === product(full) && test.dims.slice(-2).join() === full.join()
  if (role?.kind === 'scores' && isTable && other !== undefined && other <= -HIDDEN && op.owns(x)) {
    const shown = Array.from(test.read(), (value) => (Boolean(value) === isFirst ? 0 : other))
    if (fold?.apply([1], shown)) return x
  }
  throw op.fail('no layer chooses between values, but attention by its mask')
}
