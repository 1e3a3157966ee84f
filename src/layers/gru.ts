import { checkArguments } from '../errors'
import { GRU } from '../kernels/recurrent-kinds'
import type { Layer } from '../plan/layer'
import { type RecurrentOptions, checkRecurrent, configOf, planRecurrent } from './recurrent'

/**
 * Gated recurrent units (Cho et al., 2014): (N, T, D) to (N, units), or (N, T, units) with `output: 'all'`. From a state
 * of 0, step by step: r, z = sigmoid(W x + b + V h + c), n = tanh(W x + b + r (V h + c)), h = (1 - z) n + z h.
 *
 * weight_ih_l0 (3 units, D), weight_hh_l0 (3 units, units), bias_ih_l0 and bias_hh_l0 (3 units), those of a second
 * direction with _reverse behind, in the order r, z, n: as in PyTorch's GRU. It is Keras's with reset_after, which has the
 * order z, r, n.
 *
 *     sequential(gru(64), dense(10))
 */
export function gru(units: number, options: RecurrentOptions = {}): Layer {
  checkArguments('gru', arguments, 2)
  const of = checkRecurrent('gru', GRU, units, options)
  return { kind: 'gru', config: configOf(of), plan: (x, plan) => planRecurrent(x, plan, of) }
}
