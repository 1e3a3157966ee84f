// A child of bench:threads: training steps of v128 as its users have it, from dist/.

import * as architectures from '../dist/architectures.js'
import * as v128 from '../dist/index.js'
import { trainingStep } from './networks.mjs'
import { serve } from './peers/child.mjs'

serve((options) => {
  const train = ({ network }) => trainingStep({ ...v128, ...architectures }, network, options)
  return { version: '', tasks: { mnist: train, training: train } }
})
