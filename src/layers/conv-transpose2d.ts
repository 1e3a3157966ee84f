import { PlanError, checkArguments, checkOptions, pair } from '../errors'
import { convScratch } from '../kernels/conv-geometry'
import { N } from '../plan/calls'
import type { Layer } from '../plan/layer'
import { FILTER_OPTIONS, type FilterOptions, checkFilters, checkGroups, configOf, partsOf } from './convolution'
import { cropped, padded } from './pads'
import { imageShape } from './shapes'
import { biasGradient, defaultInitializer, planBias } from './weights'

/** How a transposed convolution slides, and what it has. One number is for both directions. */
export interface ConvTranspose2dOptions extends FilterOptions {
  /** Height and width of the kernel. */
  kernel: number | readonly [number, number]
  /** From one window of outputs to the next: about so many times as large is the output. 1 unless given. */
  stride?: number | readonly [number, number]
  /** So much of the output is cut off on each side. 0 unless given. */
  pad?: number | readonly [number, number]
  /** So much more output there is at the bottom and right; less than the stride or the dilation. 0 unless given. */
  outputPad?: number | readonly [number, number]
  /** From one value of a window to the next. 1 unless given. */
  dilation?: number | readonly [number, number]
}

/**
 * Transposed convolution: (N, C, H, W) to (N, filters, OH, OW), with
 * OH = (H - 1) stride - 2 pad + dilation (KH - 1) + outputPad + 1, as PyTorch's. It is what the gradient of a convolution
 * by its input is: each value adds the kernel, times itself, to a window of the output. weight: (C, filters/groups, KH,
 * KW), bias: (filters).
 */
export function convTranspose2d(filters: number, options: ConvTranspose2dOptions): Layer {
  const kind = 'convTranspose2d'
  checkArguments(kind, arguments, 2)
  options = checkOptions(kind, options, ['kernel', 'stride', 'pad', 'outputPad', 'dilation', ...FILTER_OPTIONS])
  const kernel = pair(kind, 'kernel', options.kernel, 1)
  const stride = pair(kind, 'stride', options.stride ?? 1, 1)
  const pad = pair(kind, 'pad', options.pad ?? 0, 0)
  const outputPad = pair(kind, 'outputPad', options.outputPad ?? 0, 0)
  const dilation = pair(kind, 'dilation', options.dilation ?? 1, 1)
  const of = checkFilters(kind, filters, options)
  for (const axis of [0, 1]) {
    const limit = Math.max(stride[axis], dilation[axis])
    if (outputPad[axis] < limit) continue
    throw new PlanError(
      `${kind}: outputPad must be less than the stride or the dilation, at most ${limit - 1}, got ${outputPad[axis]}`,
    )
  }
  return {
    kind,
    movesSteps: true,
    config: configOf(of, { kernel, stride, pad, outputPad, dilation }),
    plan(x, plan) {
      const [c, h, w] = imageShape(x, plan)
      const { groups } = of
      checkGroups(x, plan, groups, filters)
      const [kh, kw] = kernel
      // What outputPad has beyond the stride are rows that the pad would cut off, then rows of nothing but bias.
      const reach = (axis: 0 | 1) => outputPad[axis] % stride[axis]
      const uncut = ([0, 1] as const).map((axis) => Math.min(pad[axis], outputPad[axis] - reach(axis)))
      const cut = [pad[0] - uncut[0], pad[1] - uncut[1]] as const
      const sizeOf = (size: number, axis: 0 | 1) =>
        (size - 1) * stride[axis] - 2 * cut[axis] + dilation[axis] * (kernel[axis] - 1) + reach(axis) + 1
      const [oh, ow] = [sizeOf(h, 0), sizeOf(w, 1)]
      if (oh < 1 || ow < 1) {
        throw plan.error(`the output would be ${oh}x${ow}: a pad of ${pad.join('x')} cuts off all of it; lower it`)
      }
      // In the terms of the convolution whose gradient this is: images of y, and x for its output.
      const parts = partsOf(of, plan)
      const window = [kh, kw, ...stride, ...cut, ...dilation, parts] as const
      const scratch = convScratch(filters, oh, ow, c, ...window, plan.bytes)
      const weight = plan.parameter('weight', [c, filters / groups, kh, kw], {
        init: of.init ?? defaultInitializer(plan.ahead),
        // Each value of the output is a sum of so many, on average.
        fanIn: Math.max(1, Math.round(((c / groups) * kh * kw) / (stride[0] * stride[1]))),
        fanOut: (filters / groups) * kh * kw,
        decay: true,
      })
      const bias = of.bias ? planBias(plan, filters) : undefined
      const inner = plan.value([filters, oh, ow])
      const flops = 2 * x.size * (filters / groups) * kh * kw
      plan.forward('conv2dBackwardInput', {
        sizes: [N, filters, filters, oh, ow, c, ...window],
        reads: [x, weight],
        scratch,
        writes: [inner],
        flops,
      })
      const [bottom, right] = ([0, 1] as const).map((axis) => outputPad[axis] - reach(axis) - uncut[axis])
      const whole = cropped(inner, plan, uncut)
      const { image, back } = padded(whole.image, plan, [0, 0, bottom, right])
      const y = bias ? plan.value(image.shape) : image
      if (bias) {
        const [, height, width] = y.shape
        const reads = [image, bias]
        plan.forward('addPerChannel', { sizes: [N, filters, height * width], reads, writes: [y], flops: y.size })
        plan.shareGradient(image, y)
        plan.backward('addChannelSums', biasGradient(y, bias, height * width))
      }
      back()
      whole.back()
      plan.backward('conv2dBackwardWeight', {
        sizes: [N, filters, filters, oh, ow, c, c, ...window],
        reads: [inner.gradient, x],
        scratch,
        writes: [weight.gradient],
      })
      plan.backward('conv2dForward', {
        sizes: [N, filters, oh, ow, c, c, ...window],
        reads: [inner.gradient, weight, undefined],
        scratch,
        writes: [x.gradient],
      })
      return y
    },
  }
}
