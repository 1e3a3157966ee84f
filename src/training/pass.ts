// Passes that people ask for one by one: forward, backward, and predictions.

import { type Numbers, checkValues, copyRows } from '../data/batches'
import { DataError, PlanError, checkOptions, count, flag } from '../errors'
import { probabilitiesOf } from '../metrics'
import type { Value } from '../plan/value'
import type { DType, Floats, Tensor } from '../tensor'
import { type Core, needOpen, viewOf } from './core'
import { noteBadScores } from './divergence'
import { apart, checkBatch, checkLoaded, loadInput, readValue } from './feed'
import { runBackward, runForward, settle, whole } from './step'

/** See Model.forward. */
export function forward<D extends DType>(core: Core<D>, x: Numbers, options: { training?: boolean }): Tensor<D> {
  const { training = false } = checkOptions('forward', options, ['training'])
  flag('forward', 'training', training)
  const { input } = core
  const examples = readValue(core, 'x', x, input)
  const n = examples.length / input.size
  checkBatch('forward', core, n)
  settle('forward', core)
  loadInput(core, examples, n, 'x')
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

/** See Model.backward. */
export function backPropagate<D extends DType>(core: Core<D>, dy: Numbers): Tensor<D> {
  settle('backward', core)
  const { output, outputGradient, program } = core
  if (!core.rows) throw new DataError('backward: there was no forward pass; call forward first')
  const gradients = readValue(core, 'dy', dy, output)
  const rows = gradients.length / output.size
  if (rows !== core.rows) throw new DataError(`dy: ${count(rows, 'row')}, but the last forward pass had ${core.rows}`)
  // Reading dy may have closed the model.
  needOpen('backward', core)
  if (outputGradient.length) {
    copyRows(gradients, output.size, outputGradient, rows, undefined, 0)
    checkLoaded(core, 'dy', gradients, rows, output.size, outputGradient)
  } else {
    checkValues('dy', gradients, output.size, core.dtype)
  }
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
  const read = readValue(core, 'x', x, input)
  const rows = read.length / input.size
  settle('predict', core)
  const examples = rows > batch ? apart(core, read) : read
  const data = new (tensors.output.data.constructor as new (length: number) => Floats<D>)(rows * output.size)
  for (let first = 0; first < rows; first += batch) {
    const n = Math.min(batch, rows - first)
    const part = examples.subarray(first * input.size, (first + n) * input.size)
    loadInput(core, part, n, 'x', examples)
    runForward(core, n, false)
    noteBadScores('predict', core, n)
    data.set(tensors.output.data.subarray(0, n * output.size), first * output.size)
  }
  if (probabilities) probabilitiesOf(loss!.probabilities!, data, output.size)
  return { shape: [rows, ...output.shape], data }
}
