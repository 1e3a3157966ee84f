import { checkArguments, checkOptions, oneOf } from '../errors'
import { RNN_RELU, RNN_TANH } from '../kernels/recurrent-kinds'
import type { Layer } from '../plan/layer'
import { type RecurrentOptions, checkRecurrent, configOf, planRecurrent } from './recurrent'

/**
 * A plain recurrent layer (Elman, 1990): (N, T, D) to (N, units), or (N, T, units) with `output: 'all'`. From a state of 0,
 * step by step, h = tanh(W x + b + V h + c), or with `activation: 'relu'` max(0, ...); 'tanh' unless given. W:
 * weight_ih_l0 (units, D), V: weight_hh_l0 (units, units), b: bias_ih_l0, c: bias_hh_l0 (units), those of a second
 * direction with _reverse behind: as in PyTorch's RNN.
 *
 *     sequential(rnn(32, { output: 'all' }), rnn(32), dense(10))
 */
export function rnn(units: number, options: RecurrentOptions & { activation?: 'tanh' | 'relu' } = {}): Layer {
  checkArguments('rnn', arguments, 2)
  const { activation: given } = checkOptions('rnn', options, [
    'activation',
    'output',
    'bidirectional',
    'stateful',
    'init',
  ])
  const activation = oneOf('rnn', 'activation', given ?? 'tanh', ['tanh', 'relu'])
  const kind = activation === 'relu' ? RNN_RELU : RNN_TANH
  const of = checkRecurrent('rnn', kind, units, options, ['activation'])
  return {
    kind: 'rnn',
    config: configOf(of, { activation }),
    plan: (x, plan) => planRecurrent(x, plan, of),
  }
}
