// The second group of kernels: those of layers that most networks have not, in a module of their own (build.mjs). Models
// that call some of them instantiate it beside the first, over the same memory. See index.ts.

export { spreadAxis, sumAxis, transposeAxes } from './axes'
export { curveBackward, curveForward } from './curves'
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
export { maxoutBackward, maxoutForward } from './maxout'
export { preluBackward, preluForward, preluProducts } from './prelu'
