// The second group of kernels: those of layers that most networks have not, in a module of their own (build.mjs). Models
// that call some of them instantiate it beside the first, over the same memory. See index.ts.

export { attentionBackward, attentionForward } from './attention'
export { meanOfFirst, spreadAxis, spreadToFirst, sumAxis, transposeAxes } from './axes'
export { curveForward } from './curves'
export { addTable, embeddingBackward, embeddingForward } from './embedding'
export {
  addPerChannel,
  cropPlanes,
  dilatedMaxPool2dForward,
  padPlanes,
  upsampleBilinearBackward,
  upsampleBilinearForward,
  upsampleNearestBackward,
  upsampleNearestForward,
} from './images'
export { robustError, softCrossEntropy, weightedBinaryCrossEntropy } from './losses-more'
export { amsgrad, rmspropFull } from './optimizers-more'
export { maxoutBackward, maxoutForward } from './maxout'
export { preluBackward, preluForward, preluProducts } from './prelu'
export { packWeights, recurrentBackward, recurrentForward } from './recurrent'
export { winograd1dBackwardInput, winograd1dBackwardWeight, winograd1dForward } from './winograd1d'
