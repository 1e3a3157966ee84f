import { checkArguments, checkOptions, pair } from '../errors'
import type { Size } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { arePairs } from '../kernels/conv-geometry'
import { POOL_OPTIONS, type PoolOptions, pool2d } from './pool2d'

/** How a pool of maxima slides. */
export interface MaxPoolOptions extends PoolOptions {
  /** From one value of a window to the next: 2 leaves out every other. 1 unless given. */
  dilation?: number | readonly [number, number]
}

/** kh, kw, sh, sw, ph, pw. */
type Six = [number, number, number, number, number, number]

/**
 * The largest value of each window: (N, C, H, W) to (N, C, OH, OW). The stride is that of the kernel unless given; pad
 * is at most half the kernel and never wins. The gradient goes to the first of equal values. With `ceil`, as PyTorch's
 * ceil_mode, windows that begin in the image but reach beyond it are there too.
 *
 *     maxPool2d(3, { stride: 2, ceil: true })   // 12 x 12 to 6 x 6, without `ceil` to 5 x 5
 */
export function maxPool2d(kernel: number | readonly [number, number], options: MaxPoolOptions = {}): Layer {
  checkArguments('maxPool2d', arguments, 2)
  options = checkOptions('maxPool2d', options, [...POOL_OPTIONS, 'dilation'])
  return maxPool('maxPool2d', kernel, options)
}

/** The same, of checked names. */
export function maxPool(kind: string, kernel: number | readonly [number, number], options: MaxPoolOptions): Layer {
  const dilation = pair(kind, 'dilation', options.dilation ?? 1, 1)
  const isDilated = dilation[0] * dilation[1] > 1
  const own = { dilation, config: isDilated ? { dilation } : {} }
  return pool2d(kind, kernel, options, own, (x, plan, { sizes, shape, scratch, flops }) => {
    const y = plan.value(shape)
    const index = plan.saved(4 * plan.batch * y.size)
    const [planes, h, w, oh, ow, ...windows] = sizes as [Size, number, number, number, number, ...Six]
    // The last size: whether the pool takes the ReLU of what it reads as well, which the plan finds out.
    const call = { reads: [x], writes: [index, y], flops }
    if (isDilated) {
      plan.forward('dilatedMaxPool2dForward', { sizes: [...sizes, ...dilation], ...call })
    } else if (arePairs(h, w, oh, ow, ...windows)) {
      plan.forward('maxPool2x2Forward', { sizes: [planes, h, w, oh, ow, 0], ...call })
    } else {
      plan.forward('maxPool2dForward', { sizes: [...sizes, 0], scratch, ...call })
    }
    plan.backward('maxPool2dBackward', {
      sizes: [planes, h * w, oh * ow],
      reads: [y.gradient, index],
      writes: [x.gradient],
    })
    return y
  })
}
