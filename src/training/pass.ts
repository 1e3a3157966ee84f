// Passes that people ask for one by one: forward, backward, and predictions.

import type { Lengths } from '../data/beside'
import { byName, memberName, membersOf } from '../data/named'
import { type Numbers, type TypedNumbers, checkValues, copyRows } from '../data/batches'
import { DataError, PlanError, checkOptions, count, flag } from '../errors'
import { probabilitiesOf } from '../metrics'
import type { Value } from '../plan/value'
import type { DType, Floats, Tensor } from '../tensor'
import { type Core, type Entry, type Head, needOpen, viewOf } from './core'
import { readLengths } from './counts'
import { noteBadScores } from './divergence'
import { apart, checkBatch, checkLoaded, checkSameRows, loadInputs, readInputs, readValue } from './feed'
import { carryOn, putCarriedAside } from './state'
import { runBackward, runForward, settle, whole } from './step'

/** What forward is asked for. */
export interface ForwardOptions<In extends string = never> {
  /** What batch norm, dropout and the like do: that of a pass that trains. False unless given. */
  training?: boolean
  /** How many of its steps count in each example, from 1 to T; all of them unless given. */
  lengths?: Lengths<In>
}

/** What predict is asked for. */
export interface PredictOptions<In extends string = never> {
  /** Asks for probabilities in the place of scores. False unless given. */
  probabilities?: boolean
  /** How many of its steps count in each example, from 1 to T; all of them unless given. */
  lengths?: Lengths<In>
}

/** One tensor, or several by name. */
type Given<D extends DType> = Tensor<D> | Readonly<Record<string, Tensor<D>>>

/** See Model.forward. */
export function forward<D extends DType>(core: Core<D>, x: unknown, options: ForwardOptions<any>): Given<D> {
  const { training = false, lengths } = checkOptions('forward', options, ['training', 'lengths'])
  flag('forward', 'training', training)
  const { heads, names } = core
  const examples: TypedNumbers[] = []
  const n = readInputs(core, 'x', x, examples)
  checkBatch('forward', core, n)
  const read = readLengths(core, '', lengths, n)
  settle('forward', core)
  loadInputs(core, examples, n, 'x', examples, undefined, 0, undefined, read)
  whole(core, () => runForward(core, n, training))
  carryOn(core)
  if (!names.outputs.length) return outputRows(core, heads[0], n)
  return byName(
    names.outputs,
    heads.map((head) => outputRows(core, head, n)),
  )
}

function outputRows<D extends DType>(core: Core<D>, { firstRows, value }: Head<D>, n: number): Tensor<D> {
  return rowsAt(core, firstRows, value, value.data.pointer, n)
}

/** The first n rows of a value or of its gradient: a view that is made once for each n. */
function rowsAt<D extends DType>(
  { dtype, engine }: Core<D>,
  made: Tensor<D>[],
  { shape, size }: Value,
  pointer: number,
  n: number,
): Tensor<D> {
  return (made[n] ??= { shape: [n, ...shape], data: viewOf(dtype, engine.buffer, pointer, n * size) })
}

/** Reads the gradients of the outputs. How many rows each has. */
function readGradients(core: Core, dy: unknown, to: TypedNumbers[]): number {
  const { heads, names } = core
  const given: readonly Numbers[] = membersOf('', 'dy', names.outputs, dy)
  heads.forEach(({ name, value }, i) => {
    to[i] = readValue(core, memberName('dy', name), given[i], value)
    checkSameRows(heads, 'dy', i, to[i].length / value.size, to[0].length / heads[0].value.size)
  })
  return to[0].length / heads[0].value.size
}

/** See Model.backward. */
export function backPropagate<D extends DType>(core: Core<D>, dy: unknown): Given<D> {
  settle('backward', core)
  const { inputs, heads, names, program } = core
  if (!core.rows) {
    throw new DataError(
      'backward: there was no forward pass; call forward first, after what runs the network in between, such as predict',
    )
  }
  const gradients: TypedNumbers[] = []
  const rows = readGradients(core, dy, gradients)
  if (rows !== core.rows) throw new DataError(`dy: ${count(rows, 'row')}, but the last forward pass had ${core.rows}`)
  // Reading dy may have closed the model.
  needOpen('backward', core)
  heads.forEach(({ name, gradient, value: { size } }, i) => {
    if (gradient.length) {
      copyRows(gradients[i], size, gradient, rows, undefined, 0)
      checkLoaded(core, 'dy', name, gradients[i], rows, size, gradient)
    } else checkValues(memberName('dy', name), gradients[i], size, core.dtype)
  })
  whole(core, () => runBackward(core, program.inputGradient))
  const gradientOf = ({ gradientRows, value }: Entry<D>): Tensor<D> => {
    const { gradient, ids } = value
    if (program.inputGradient && gradient) return rowsAt(core, gradientRows, value, gradient.pointer, rows)
    return {
      shape: [rows, ...value.shape],
      get data(): never {
        if (ids) throw new PlanError('backward: whole numbers that name something have no gradient')
        throw new PlanError(
          'backward: the gradient of the input, through frozen layers, was not planned; createModel takes ' +
            'inputGradient: true',
        )
      },
    }
  }
  return byName(names.inputs, inputs.map(gradientOf))
}

/** See Model.predict. */
export function predict<D extends DType>(core: Core<D>, x: unknown, options: PredictOptions<any>): Given<D> {
  const { probabilities = false, lengths } = checkOptions('predict', options, ['probabilities', 'lengths'])
  flag('predict', 'probabilities', probabilities)
  const { inputs, heads, names, batch } = core
  if (probabilities && !heads.some(({ loss }) => loss?.probabilities)) {
    const kinds = [...new Set(heads.map(({ loss }) => loss?.kind ?? 'a model without a loss'))].join(', ')
    throw new PlanError(`predict: ${kinds} has no probabilities; softmaxCrossEntropy and binaryCrossEntropy have some`)
  }
  const read: TypedNumbers[] = []
  const rows = readInputs(core, 'x', x, read)
  const given = readLengths(core, '', lengths, rows)
  settle('predict', core)
  const examples = read.map((one) => (rows > batch ? apart(core, one) : one))
  const answers = heads.map(({ tensor, value }) => {
    return new (tensor.data.constructor as new (length: number) => Floats<D>)(rows * value.size)
  })
  const goBack = putCarriedAside(core)
  try {
    for (let first = 0; first < rows; first += batch) {
      const n = Math.min(batch, rows - first)
      const part = inputs.map(({ value: { size } }, i) => examples[i].subarray(first * size, (first + n) * size))
      const own = given?.map((all) => all?.subarray(first, first + n))
      loadInputs(core, part, n, 'x', examples, undefined, 0, undefined, own)
      runForward(core, n, false)
      carryOn(core)
      noteBadScores('predict', core, n)
      heads.forEach(({ value: { size }, tensor }, i) => {
        answers[i].set(tensor.data.subarray(0, n * size), first * size)
      })
    }
  } finally {
    // What forward left for backward is written over.
    core.rows = 0
    goBack()
  }
  heads.forEach(({ size, loss }, i) => {
    if (probabilities && loss?.probabilities) probabilitiesOf(loss.probabilities, answers[i], size)
  })
  return byName(
    names.outputs,
    heads.map(({ value }, i): Tensor<D> => ({ shape: [rows, ...value.shape], data: answers[i] })),
  )
}
