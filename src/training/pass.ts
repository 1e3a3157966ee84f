// Passes that people ask for one by one: forward, backward, and predictions.

import { type Numbers, type TypedNumbers, checkValues, copyRows, countRows, isTyped, readRows } from '../data/batches'
import { DataError, PlanError, checkOptions, count, flag } from '../errors'
import { probabilitiesOf } from '../metrics'
import type { Value } from '../plan/value'
import type { DType, Floats, Tensor } from '../tensor'
import { type Core, needOpen, viewOf } from './core'
import { noteBadScores } from './divergence'
import { apart, checkBatch } from './feed'
import { runBackward, runForward, settle, whole } from './step'

/** See Model.forward. */
export function forward<D extends DType>(core: Core<D>, x: Numbers, options: { training?: boolean }): Tensor<D> {
  const { training = false } = checkOptions('forward', options, ['training'])
  flag('forward', 'training', training)
  const { input, tensors } = core
  const [examples, n] = readBatch(core, 'x', x, input)
  checkBatch('forward', core, n)
  settle('forward', core)
  copyIn(core, 'x', examples, n, input, tensors.input.data)
  whole(core, () => runForward(core, n, training))
  return firstRows(core, core.rowViews.output, core.output, core.output.data.pointer, n)
}

/** The first n rows of a value or of its gradient: a view that is made once for each n. */
function firstRows<D extends DType>(
  { dtype, engine }: Core<D>,
  made: Tensor<D>[],
  { shape, size }: Value,
  pointer: number,
  n: number,
): Tensor<D> {
  return (made[n] ??= { shape: [n, ...shape], data: viewOf(dtype, engine.buffer, pointer, n * size) })
}

/** The rows, and how many they are. What is typed is looked at when it is copied. */
function readBatch({ dtype }: Core, name: string, x: Numbers, { size, shape }: Value): [TypedNumbers, number] {
  const rows = countRows(name, x, size, shape)
  return [isTyped(x) ? x : readRows(name, x, size, shape, dtype), rows]
}

/**
 * Copies n rows into the memory of a model, where a kernel looks at them, in a sixth of the time that it takes before.
 * Throws a DataError that names the first row with something that is no finite number.
 */
function copyIn(core: Core, name: string, rows: TypedNumbers, n: number, { size }: Value, to: Floats): void {
  copyRows(rows, size, to, n, undefined, 0)
  if (core.engine.kernels.firstNotFinite(n * size, to.byteOffset) < 0) return
  checkValues(name, rows, size, core.dtype)
  // They may lie in the memory of the model, where the copy changed them.
  checkValues(name, to.subarray(0, n * size), size, core.dtype)
}

/** See Model.backward. */
export function backPropagate<D extends DType>(core: Core<D>, dy: Numbers): Tensor<D> {
  settle('backward', core)
  const { output, outputGradient, program } = core
  if (!core.rows) throw new DataError('backward: there was no forward pass; call forward first')
  const [gradients, rows] = readBatch(core, 'dy', dy, output)
  if (rows !== core.rows) throw new DataError(`dy: ${count(rows, 'row')}, but the last forward pass had ${core.rows}`)
  // Reading dy may have closed the model.
  needOpen('backward', core)
  if (outputGradient.length) copyIn(core, 'dy', gradients, rows, output, outputGradient)
  else checkValues('dy', gradients, output.size, core.dtype)
  whole(core, () => runBackward(core, program.inputGradient))
  const { input, rowViews } = core
  if (program.inputGradient) return firstRows(core, rowViews.inputGradient, input, input.gradient!.pointer, rows)
  return {
    shape: [rows, ...input.shape],
    get data(): never {
      throw new PlanError(
        'backward: the gradient of the input, through frozen layers, was not planned; createModel takes ' +
          'inputGradient: true',
      )
    },
  }
}

/** See Model.predict. */
export function predict<D extends DType>(core: Core<D>, x: Numbers, options: { probabilities?: boolean }): Tensor<D> {
  const { probabilities = false } = checkOptions('predict', options, ['probabilities'])
  flag('predict', 'probabilities', probabilities)
  const { input, output, batch, tensors, settings } = core
  const { loss } = settings
  if (probabilities && !loss?.probabilities) {
    const has = 'has no probabilities; softmaxCrossEntropy and binaryCrossEntropy have some'
    throw new PlanError(`predict: ${loss?.kind ?? 'a model without a loss'} ${has}`)
  }
  const [read, rows] = readBatch(core, 'x', x, input)
  settle('predict', core)
  const examples = rows > batch ? apart(core, read) : read
  const data = new (tensors.output.data.constructor as new (length: number) => Floats<D>)(rows * output.size)
  for (let first = 0; first < rows; first += batch) {
    const n = Math.min(batch, rows - first)
    const part = examples.subarray(first * input.size, (first + n) * input.size)
    copyRows(part, input.size, tensors.input.data, n, undefined, 0)
    runForward(core, n, false)
    noteBadScores('predict', core, n)
    data.set(tensors.output.data.subarray(0, n * output.size), first * output.size)
  }
  if (probabilities) probabilitiesOf(loss!.probabilities!, data, output.size)
  return { shape: [rows, ...output.shape], data }
}
