// The kernels, compiled once as float64 and once as float32. Names: n batch, c channels, h x w image, f filters,
// kh x kw kernel; dx, dw, dy are gradients. Arguments: sizes and flags (i32), scalars (Float), pointers (bytes),
// outputs last; all matrices are row-major. Each has a twin of the same name in src/kernels/.

export {
  eluBackward,
  eluForward,
  sigmoidBackward,
  sigmoidForward,
  tanhBackward,
  tanhForward,
} from './activations'
export { batchNormBackward, batchNormForward } from './batch-norm'
export { batchNormFeaturesBackward, batchNormFeaturesForward } from './batch-norm-features'
export { conv2dBackwardInput, conv2dBackwardWeight, conv2dForward } from './conv2d'
export { denseBackwardInput, denseBackwardWeight, denseForward } from './dense'
export { dropout, scaled } from './dropout'
export {
  add,
  addScaled,
  addScaledTo,
  copyBlocks,
  fill,
  leakyReluBackward,
  leakyReluForward,
  multiply,
  normalizeBackward,
  normalizeForward,
  reluBackward,
  reluForward,
  scale,
} from './elementwise'
export { bytesPerValue } from './float'
export { gemm } from './gemm'
export { groupNormBackward, groupNormForward } from './group-norm'
export { firstNotFinite, limitRowNorms, maxMagnitude, norm } from './magnitude'
export { maxPool2dBackward, maxPool2dForward, maxPool2x2Forward } from './max-pool'
export { binaryCrossEntropy, hinge, meanSquaredError, softmaxCrossEntropy, sumOfLabelWeights } from './losses'
export { adam, momentum, nesterov, rmsprop } from './optimizers'
export {
  avgPool2dBackward,
  avgPool2dForward,
  globalAvgPool2dBackward,
  globalAvgPool2dForward,
} from './pool'
export { addChannelSums, dot, sumOfMagnitudes, sumOfSquares } from './reduce'
export { addSigns, clamp } from './regularisation'
export { softmaxBackward, softmaxForward } from './softmax'
export { ONLY_TILES } from './part'
