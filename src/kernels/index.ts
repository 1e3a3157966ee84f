// The TypeScript twin of assembly/: the same kernels, over the same pointers, with the same bits. For hosts where
// WebAssembly is not allowed, and as the definition that the WebAssembly kernels are held against.
import { activationKernels } from './activations'
import { attentionKernels } from './attention'
import { axisKernels } from './axes'
import { batchNormKernels } from './batch-norm'
import { conv2dKernels } from './conv2d'
import { curveKernels } from './curves'
import { denseKernels } from './dense'
import { dropoutKernels } from './dropout'
import { elementwiseKernels } from './elementwise'
import { embeddingKernels } from './embedding'
import { Floats, SHIFT } from './float'
import { gemmKernels } from './gemm'
import { groupNormKernels } from './group-norm'
import { imageKernels } from './images'
import { lossKernels } from './losses'
import { moreLossKernels } from './losses-more'
import { magnitudeKernels } from './magnitude'
import { maxPoolKernels } from './max-pool'
import { maxoutKernels } from './maxout'
import { optimizerKernels } from './optimizers'
import { moreOptimizerKernels } from './optimizers-more'
import { poolKernels } from './pool'
import { preluKernels } from './prelu'
import { recurrentKernels } from './recurrent'
import { SUMS, reduceKernels } from './reduce'
import { regularisationKernels } from './regularisation'
import { softmaxKernels } from './softmax'
import { winograd1dKernels } from './winograd1d'

/** The kernels, as asc declares them from the source in assembly/; what else is there is for build.mjs alone. */
export type Kernels = Omit<
  Awaited<ReturnType<typeof import('#kernels').instantiate>> &
    Awaited<ReturnType<typeof import('#kernels/more').instantiate>>,
  'ONLY_TILES'
>

/** All kernels over `buffer`. The type holds it to the exports of the compiled module: a missing twin does not compile. */
export function createTwin(buffer: ArrayBuffer): Kernels {
  const heap = {
    f: new Floats(buffer),
    i32: new Int32Array(buffer),
    partials: new Floats(SUMS),
    seconds: new Floats(SUMS),
    out: new Float64Array(3),
    pick: new Floats(2),
  }
  return {
    bytesPerValue: () => 1 << SHIFT,
    ...activationKernels(heap),
    ...attentionKernels(heap),
    ...axisKernels(heap),
    ...batchNormKernels(heap),
    ...conv2dKernels(heap),
    ...curveKernels(heap),
    ...denseKernels(heap),
    ...dropoutKernels(heap),
    ...elementwiseKernels(heap),
    ...embeddingKernels(heap),
    ...gemmKernels(heap),
    ...groupNormKernels(heap),
    ...imageKernels(heap),
    ...lossKernels(heap),
    ...moreLossKernels(heap),
    ...magnitudeKernels(heap),
    ...maxoutKernels(heap),
    ...optimizerKernels(heap),
    ...moreOptimizerKernels(heap),
    ...maxPoolKernels(heap),
    ...poolKernels(heap),
    ...preluKernels(heap),
    ...recurrentKernels(heap),
    ...reduceKernels(heap),
    ...regularisationKernels(heap),
    ...softmaxKernels(heap),
    ...winograd1dKernels(heap),
  }
}
