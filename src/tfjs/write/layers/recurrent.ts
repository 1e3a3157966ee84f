// Recurrent layers, in one direction and in both.

import { transpose } from '../../transpose'
import { type At, type Weight, type Writer, emit, same } from '../at'

interface Settings {
  readonly units: number
  readonly output: 'last' | 'all'
  readonly bidirectional: boolean
  readonly stateful: boolean
  readonly activation?: string
}

/** The weights of one direction, under the name of its layer in Keras, which has one bias. */
function weightsOf(at: At, name: string, inputs: number, suffix: string): Weight[] {
  const { units } = at.config as Settings
  const { data, shape } = at.weight(`weight_ih_l0${suffix}`)
  const [gates] = shape
  const [input, state] = ['bias_ih_l0', 'bias_hh_l0'].map((bias) => at.weight(bias + suffix).data)
  const recurrent = at.weight(`weight_hh_l0${suffix}`).data
  return [
    { name: `${name}/kernel`, shape: [inputs, gates], data: transpose(data, [gates, inputs], [1, 0]) },
    { name: `${name}/recurrent_kernel`, shape: [units, gates], data: transpose(recurrent, [gates, units], [1, 0]) },
    { name: `${name}/bias`, shape: [gates], data: Float32Array.from(input, (one, i) => one + state[i]) },
  ]
}

/** Their gates are in the same order. */
const recurrent =
  (className: 'LSTM' | 'SimpleRNN'): Writer =>
  (at, x) => {
    const { units, output, bidirectional, stateful, activation = 'tanh' } = at.config as Settings
    if (stateful) throw at.fail('is stateful, for which TensorFlow.js wants a batch of one size, that of the file')
    const inputs = x.shape[1]
    const lead = output === 'all' ? [x.shape[0]] : []
    const settings = {
      units,
      activation,
      ...(className === 'LSTM' && { recurrent_activation: 'sigmoid' }),
      use_bias: true,
      return_sequences: output === 'all',
    }
    const shape = [...lead, bidirectional ? 2 * units : units]
    if (!bidirectional)
      return emit(at, className, settings, same(at, x), { shape }, (name) => weightsOf(at, name, inputs, ''))
    const layer = { class_name: className, config: { name: 'cell', trainable: at.trainable, ...settings } }
    return emit(at, 'Bidirectional', { layer, merge_mode: 'concat' }, same(at, x), { shape }, (name) => [
      ...weightsOf(at, `${name}/forward_cell`, inputs, ''),
      ...weightsOf(at, `${name}/backward_cell`, inputs, '_reverse'),
    ])
  }

export const RECURRENT: Readonly<Record<string, Writer>> = { lstm: recurrent('LSTM'), rnn: recurrent('SimpleRNN') }
