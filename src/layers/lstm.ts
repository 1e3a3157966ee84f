import { checkArguments } from '../errors'
import { LSTM } from '../kernels/recurrent-kinds'
import type { Layer } from '../plan/layer'
import { type RecurrentOptions, checkRecurrent, configOf, planRecurrent } from './recurrent'

/**
 * Long short-term memory (Hochreiter & Schmidhuber, 1997; with a forget gate: Gers et al., 2000): (N, T, D) to (N, units),
 * or (N, T, units) with `output: 'all'`. From a state and a cell of 0, step by step, with a = W x + b + V h + c in four
 * parts: i, f, o = sigmoid(a), g = tanh(a), cell = f cell + i g, h = o tanh(cell).
 *
 * weight_ih_l0 (4 units, D), weight_hh_l0 (4 units, units), bias_ih_l0 and bias_hh_l0 (4 units), those of a second
 * direction with _reverse behind, in the order i, f, g, o: as in PyTorch's LSTM. Keras has the same order, one bias, and
 * begins with a bias of 1 for f.
 *
 *     sequential(lstm(64, { bidirectional: true }), dense(10))
 */
export function lstm(units: number, options: RecurrentOptions = {}): Layer {
  checkArguments('lstm', arguments, 2)
  const of = checkRecurrent('lstm', LSTM, units, options)
  return { kind: 'lstm', config: configOf(of), plan: (x, plan) => planRecurrent(x, plan, of) }
}
