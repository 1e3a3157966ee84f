import { callable, checkArguments, oneOf } from '../errors'
import { avgPool2d } from '../layers/avg-pool2d'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { flatten } from '../layers/flatten'
import { maxPool2d } from '../layers/max-pool2d'
import { relu } from '../layers/relu'
import { sequential } from '../layers/sequential'
import type { Layer } from '../plan/layer'
import { type ClassesOptions, optionsOf } from './options'

/** Of leNet5. */
export interface LeNetOptions extends ClassesOptions {
  /** Makes the layer after each convolution and dense layer but the last; relu unless given. */
  activation?: () => Layer
  /** 'max' unless given; the paper's subsampling is near 'avg'. */
  pool?: 'max' | 'avg'
}

/**
 * LeNet-5 (LeCun et al., 1998) for digits (1, 28, 28), with C3 connected to all of S2 and a plain dense layer at the
 * end: 61,706 parameters. The first convolution pads by 2, where the paper's images had a border. With ReLU and
 * max-pooling, unless the paper's are asked for:
 *
 *     lenet5({ activation: tanh, pool: 'avg' })
 */
export function lenet5(options: LeNetOptions = {}): Layer {
  checkArguments('lenet5', arguments, 1)
  const checked = optionsOf('lenet5', options, 10, ['activation', 'pool'])
  const activation = checked.activation ?? relu
  callable('lenet5', 'activation', activation, 'a function that makes a layer, such as relu')
  const pool = { avg: avgPool2d, max: maxPool2d }[oneOf('lenet5', 'pool', checked.pool ?? 'max', ['max', 'avg'])]
  return sequential({
    conv1: conv2d(6, { kernel: 5, pad: 2 }),
    activation1: activation(),
    pool1: pool(2),
    conv2: conv2d(16, { kernel: 5 }),
    activation2: activation(),
    pool2: pool(2),
    flatten: flatten(),
    fc1: dense(120),
    activation3: activation(),
    fc2: dense(84),
    activation4: activation(),
    fc3: dense(checked.classes),
  })
}
