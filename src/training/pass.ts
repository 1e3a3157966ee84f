// Passes that people ask for one by one: forward, backward, and predictions.

import { type Numbers, copyRows, readRows } from '../data/batches'
import { DataError, PlanError, checkOptions, flag } from '../errors'
import { probabilitiesOf } from '../metrics'
import type { DType, Tensor } from '../tensor'
import { type Core, viewOf } from './core'
import { checkBatch } from './feed'
import { runBackward, runForward, settle, whole } from './step'

/** See Model.forward. Returns the number of rows. */
export function forward(core: Core, x: Numbers, options: { training?: boolean }): number {
  const { training = false } = checkOptions('forward', options, ['training'])
  flag('forward', 'training', training)
  const { input, dtype, tensors } = core
  const examples = readRows('x', x, input.size, input.shape, dtype)
  const n = examples.length / input.size
  checkBatch('forward', core, n)
  settle(core)
  copyRows(examples, input.size, tensors.input.data, n, undefined, 0)
  whole(core, () => runForward(core, n, training))
  return n
}

/** See Model.backward. Returns the number of rows. */
export function backPropagate(core: Core, dy: Numbers): number {
  settle(core)
  const { output, dtype, outputGradient, program } = core
  if (!core.rows) throw new DataError('backward: there was no forward pass yet; call forward first')
  const gradients = readRows('dy', dy, output.size, output.shape, dtype)
  const rows = gradients.length / output.size
  if (rows !== core.rows) throw new DataError(`dy: ${rows} rows, but the last forward pass had ${core.rows}`)
  if (outputGradient.length) copyRows(gradients, output.size, outputGradient, rows, undefined, 0)
  whole(core, () => runBackward(core, program.inputGradient))
  return rows
}

/** See Model.predict. */
export function predict<D extends DType>(core: Core<D>, x: Numbers, options: { probabilities?: boolean }): Tensor<D> {
  const { probabilities = false } = checkOptions('predict', options, ['probabilities'])
  flag('predict', 'probabilities', probabilities)
  const { input, output, batch, dtype, tensors, settings } = core
  const kind = settings.loss?.probabilities
  if (probabilities && !kind) {
    const loss = settings.loss?.kind ?? 'a model without a loss'
    throw new PlanError(`predict: ${loss} has no probabilities; softmaxCrossEntropy and binaryCrossEntropy have some`)
  }
  const examples = readRows('x', x, input.size, input.shape, dtype)
  const rows = examples.length / input.size
  settle(core)
  const length = rows * output.size
  const data = viewOf(dtype, new ArrayBuffer(length * (dtype === 'float64' ? 8 : 4)), 0, length)
  for (let first = 0; first < rows; first += batch) {
    const n = Math.min(batch, rows - first)
    const part = examples.subarray(first * input.size, (first + n) * input.size)
    copyRows(part, input.size, tensors.input.data, n, undefined, 0)
    runForward(core, n, false)
    data.set(tensors.output.data.subarray(0, n * output.size), first * output.size)
  }
  if (probabilities) probabilitiesOf(kind!, data, output.size)
  return { shape: [rows, ...output.shape], data }
}
