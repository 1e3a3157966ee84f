import { checkArguments } from '../errors'
import { conv2d } from '../layers/conv2d'
import { dense } from '../layers/dense'
import { dropout } from '../layers/dropout'
import { flatten } from '../layers/flatten'
import { maxPool2d } from '../layers/max-pool2d'
import { relu } from '../layers/relu'
import { sequential } from '../layers/sequential'
import type { Layer } from '../plan/layer'
import { type KeepOptions, optionsOf } from './options'

/**
 * AlexNet (Krizhevsky et al., 2012) in its form for one processor (Krizhevsky, 2014), as torchvision has it, for images
 * (3, 224, 224): 61,100,840 parameters, with torchvision's names; its adaptive pooling changes nothing at that size.
 * Other images, of 63 x 63 and more, are flattened as they are, so that the first dense layer has another shape.
 */
export function alexNet(options: KeepOptions = {}): Layer {
  checkArguments('alexNet', arguments, 1)
  const checked = optionsOf('alexNet', options, 1000, ['keep'])
  const keep = checked.keep ?? 0.5
  return sequential({
    features: sequential(
      conv2d(64, { kernel: 11, stride: 4, pad: 2 }),
      relu(),
      maxPool2d(3, { stride: 2 }),
      conv2d(192, { kernel: 5, pad: 2 }),
      relu(),
      maxPool2d(3, { stride: 2 }),
      conv2d(384, { kernel: 3, pad: 1 }),
      relu(),
      conv2d(256, { kernel: 3, pad: 1 }),
      relu(),
      conv2d(256, { kernel: 3, pad: 1 }),
      relu(),
      maxPool2d(3, { stride: 2 }),
    ),
    flatten: flatten(),
    classifier: sequential(
      dropout({ keep }),
      dense(4096),
      relu(),
      dropout({ keep }),
      dense(4096),
      relu(),
      dense(checked.classes),
    ),
  })
}
