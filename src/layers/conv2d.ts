import { MAX_SIZE, checkArguments, checkOptions, flag, integer, oneOf, pair } from '../errors'
import type { Initializer } from '../initializers'
import { KC } from '../kernels/blocking'
import { convOutput, convScratch, sumsTaps, usesWinograd, winogradSize } from '../kernels/conv-geometry'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { checkFit, imageShape, one, strideWithin, windowHint } from './shapes'
import { biasGradient, checkInitializer, defaultInitializer, planBias } from './weights'

/** How a convolution slides, and what it has. One number is for both directions; two are [vertical, horizontal]. */
export interface Conv2dOptions {
  /** Height and width of the kernel. */
  kernel: number | readonly [number, number]
  /** From one window to the next. 1 unless given. */
  stride?: number | readonly [number, number]
  /** Zeros on each side. 0 unless given. */
  pad?: number | readonly [number, number]
  /** From one value of a window to the next: 2 leaves out every other. 1 unless given. */
  dilation?: number | readonly [number, number]
  /**
   * Channels and filters are split into so many groups that do not see each other; as many as channels: depthwise. 1
   * unless given.
   */
  groups?: number
  /** Whether each filter adds a number of its own. True unless given. */
  bias?: boolean
  /** Of the weights; what suits the layers after it unless given. */
  init?: Initializer
  /** 'direct': never Winograd's algorithm, which is faster but less precise. What createModel says unless given. */
  algorithm?: 'auto' | 'direct'
}

/**
 * Convolution (cross-correlation) of images: (N, C, H, W) to (N, filters, OH, OW), with
 * OH = floor((H + 2 pad - dilation (KH - 1) - 1) / stride) + 1. weight: (filters, C/groups, KH, KW), bias: (filters).
 *
 * Precision: kernels of 3 x 3 and 5 x 5 of stride, dilation and groups 1 go by Winograd's algorithm (Lavin & Gray, 2016)
 * where that is faster. It loses some digits: an output is off by 343 to 503 roundings of the outputs' root mean square
 * in float64, by 266 to 900 in float32, where PyTorch in float32 loses 23 to 172. And it adds up values before it
 * multiplies: inputs beyond about a 500th of the largest number may give Infinity where a direct sum does not, as they
 * may in means. `algorithm: 'direct'`, of the layer or of createModel, turns it off.
 */
export function conv2d(filters: number, options: Conv2dOptions): Layer {
  checkArguments('conv2d', arguments, 2)
  integer('conv2d', 'filters', filters, 1, MAX_SIZE)
  options = checkOptions('conv2d', options, [
    'kernel',
    'stride',
    'pad',
    'dilation',
    'groups',
    'bias',
    'init',
    'algorithm',
  ])
  const [kh, kw] = pair('conv2d', 'kernel', options.kernel, 1)
  const stride = pair('conv2d', 'stride', options.stride ?? 1, 1)
  const [ph, pw] = pair('conv2d', 'pad', options.pad ?? 0, 0)
  const [dh, dw] = pair('conv2d', 'dilation', options.dilation ?? 1, 1)
  const groups = integer('conv2d', 'groups', options.groups ?? 1, 1, MAX_SIZE)
  const hasBias = flag('conv2d', 'bias', options.bias ?? true)
  const init = checkInitializer('conv2d', options.init)
  const algorithm =
    options.algorithm === undefined ? undefined : oneOf('conv2d', 'algorithm', options.algorithm, ['auto', 'direct'])
  return {
    kind: 'conv2d',
    config: {
      filters,
      kernel: [kh, kw],
      stride,
      pad: [ph, pw],
      dilation: [dh, dw],
      groups,
      bias: hasBias,
      ...(init && { init: { kind: init.kind, ...init.config } }),
      ...(algorithm && { algorithm }),
    },
    plan(x, plan) {
      const [c, h, w] = imageShape(x, plan)
      if (c % groups || filters % groups) {
        throw plan.error(
          `${groups} groups do not divide ${c} channels and ${filters} filters evenly${windowHint(x, plan)}`,
        )
      }
      const [sh, sw] = [strideWithin(stride[0], h, ph), strideWithin(stride[1], w, pw)]
      const oh = convOutput(h, kh, sh, ph, dh)
      const ow = convOutput(w, kw, sw, pw, dw)
      const spread = dh * dw === 1 ? '' : ` with dilation ${one([dh, dw])}`
      checkFit(x, plan, [oh, ow], [kh, kw], [ph, pw], spread)
      const cg = c / groups
      const fanIn = cg * kh * kw
      const weight = plan.parameter('weight', [filters, cg, kh, kw], {
        init: init ?? defaultInitializer(plan.ahead),
        fanIn,
        fanOut: (filters / groups) * kh * kw,
        decay: true,
      })
      const bias = hasBias ? planBias(plan, filters) : undefined
      const y = plan.value([filters, oh, ow])
      // The kernels take a negative number of groups for: so many, by the direct algorithm.
      const parts = (algorithm ?? plan.algorithm) === 'direct' ? -groups : groups
      const window = [kh, kw, sh, sw, ph, pw, dh, dw, parts]
      const scratch = convScratch(c, h, w, filters, kh, kw, sh, sw, ph, pw, dh, dw, parts, plan.bytes)
      const flops = 2 * fanIn * y.size
      const winograd = usesWinograd(c, filters, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw, parts)
      // See assembly/part.ts: the size of the tiles, or 0 for a single channel. The output is as large as the input.
      const isSmall = w > 3 && Math.max(c, filters) <= KC
      const ordinary = isSmall && kh * kw === 9 && kh === 3 && ph * pw * sh * sw * dh * dw * groups === 1
      const variant = !ordinary ? undefined : winograd ? winogradSize(3, h, w) : sumsTaps(c, filters, 9) ? 0 : undefined
      plan.forward('conv2dForward', {
        sizes: [N, c, h, w, filters, filters, ...window],
        reads: [x, weight, bias],
        scratch,
        writes: [y],
        flops,
        variant,
      })
      plan.backward('conv2dBackwardWeight', {
        sizes: [N, c, c, h, w, filters, filters, ...window],
        variant,
        reads: [x, y.gradient],
        scratch,
        writes: [weight.gradient],
      })
      if (bias) plan.backward('addChannelSums', biasGradient(y, bias, oh * ow))
      plan.backward('conv2dBackwardInput', {
        sizes: [N, c, c, h, w, filters, ...window],
        variant,
        reads: [y.gradient, weight],
        scratch,
        writes: [x.gradient],
      })
      return y
    },
  }
}
