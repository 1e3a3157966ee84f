// Which emitter writes which layer.

import type { LayerKind } from '../../model/registry'
import * as activations from './activations'
import { attention } from './attention'
import { conv1d, conv2d, convTranspose2d } from './convolutions'
import type { Emitter } from './layer'
import { dense, embedding } from './linear'
import { batchNorm, groupNorm, layerNorm, normalize } from './norms'
import { avgPool, globalAvgPool2d, globalMaxPool2d, maxPool } from './pools'
import { gru, lstm, rnn } from './recurrent'
import * as shapes from './shapes'

/** In the place of an emitter: the layer is written as those within it are. */
export const WITHIN = 'within'

/** All layers of this library: a kind that is missing here does not compile. */
export const EMITTERS: Readonly<Record<LayerKind, Emitter | typeof WITHIN>> = {
  add: shapes.add,
  attention,
  avgPool1d: avgPool,
  avgPool2d: avgPool,
  batchNorm,
  // That of branches; without any it joins values of a graph.
  concat: shapes.concat,
  conv1d,
  conv2d,
  convTranspose2d,
  dense,
  dropout: activations.dropout,
  elu: activations.elu,
  embedding,
  flatten: shapes.flatten,
  freeze: WITHIN,
  gelu: activations.gelu,
  globalAvgPool2d,
  globalMaxPool2d,
  graph: WITHIN,
  groupNorm,
  gru,
  hardSigmoid: activations.hardSigmoid,
  hardSwish: activations.hardSwish,
  layerNorm,
  leakyRelu: activations.leakyRelu,
  lstm,
  maxPool1d: maxPool,
  maxPool2d: maxPool,
  maxout: activations.maxout,
  mean: shapes.mean,
  multiply: shapes.multiply,
  normalize,
  padChannels: shapes.padChannels,
  permute: shapes.permute,
  positions: shapes.positions,
  prelu: activations.prelu,
  relu: activations.relu,
  repeat: shapes.repeat,
  reshape: shapes.reshape,
  residual: WITHIN,
  rnn,
  selu: activations.selu,
  sequential: WITHIN,
  sigmoid: activations.sigmoid,
  silu: activations.silu,
  softmax: activations.softmax,
  softplus: activations.softplus,
  take: shapes.take,
  tanh: activations.tanh,
  upsample2d: shapes.upsample2d,
  zeroPad2d: shapes.zeroPad2d,
}
