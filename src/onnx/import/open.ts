// What a file computes of the size of a batch that it leaves open. Shapes may rest on it; numbers that layers compute with
// may not, for a network takes batches of any size. So all that rests on it is computed for two sizes, and compared.

import { quote } from '../../errors'
import { type Active, type Known, fileShape } from './builder'
import type { Constant } from './constants'
import type { Converter, Op } from './op'

/** What stands for the size of a batch where the file leaves it open: a prime that no other size is likely to have. */
export const OPEN = 1_000_003
/** The second size: a small one, so that comparisons and limits come out another way. */
const OTHER = 2

/** Operators that read shapes, as further inputs. */
const SHAPED = new Set(['Reshape', 'Expand', 'Tile', 'Slice', 'Resize', 'Upsample'])

function isSame(a: Constant, b: Constant): boolean {
  if (a.dims.join() !== b.dims.join()) return false
  if (a.fill !== undefined && b.fill !== undefined) return a.fill === b.fill
  const other = b.read()
  return a.read().every((value, i) => Object.is(value, other[i]))
}

function joined(here: Constant, there: Constant): Constant {
  return { ...here, elsewhere: isSame(here, there) ? undefined : there }
}

/** What `of` gives for the shape of a value. */
export function ofShape(op: Op, x: Active, of: (shape: readonly number[]) => Constant): Constant {
  const here = of(fileShape(x))
  if (op.around.batch !== OPEN) return here
  return joined(here, of(fileShape({ ...x, shape: x.shape.with(x.batch, OTHER) })))
}

/** What a node gives whose inputs are constants. */
export function folded(op: Op, use: Converter): ReturnType<Converter> {
  const here = use(op)
  const there = thereOf(op)
  if (there === op) return here
  const [a, b] = [here as Known, use(there) as Known]
  return a.kind === 'constant' && b.kind === 'constant' ? joined(a, b) : a
}

/** The same node where the batch is of the other size; itself where nothing rests on that. */
export function thereOf(op: Op): Op {
  const inputs = op.inputs.map((one) => (one?.kind === 'constant' ? (one.elsewhere ?? one) : one))
  return inputs.every((one, i) => one === op.inputs[i]) ? op : op.with(inputs)
}

/** Throws where a layer would compute with the size of a batch. */
export function checkNumbers(op: Op): void {
  op.inputs.forEach((one, i) => {
    if (one?.kind !== 'constant' || !one.elsewhere || (i && SHAPED.has(op.node.opType ?? ''))) return
    // Of a single value, as states that begin with zeros are, the shape alone rests on it.
    if (one.fill === undefined || one.fill !== one.elsewhere.fill) throw openError(op, i)
  })
}

/** Throws unless the sizes in a list are fixed, or the size of a batch, so many times. */
export function checkSizes(op: Op, list: Constant): void {
  if (!list.elsewhere) return
  const [here, there] = [list.read(), list.elsewhere.read()]
  const isSize = (value: number, i: number) => value === there[i] || value * OTHER === there[i] * OPEN
  if (here.length !== there.length || !here.every(isSize)) throw openError(op, op.inputs.indexOf(list))
}

/** Throws where a size of examples is that of a batch. */
export function checkExample(op: Op, example: readonly number[]): void {
  if (op.around.batch === OPEN && example.some((size) => size && size % OPEN === 0)) throw openError(op, 1)
}

function openError(op: Op, input: number): Error {
  return op.fail(
    `${quote(op.nameOf(input))} rests on the size of a batch, which the file leaves open, and layers do not know it`,
  )
}
