// What convolutions of images and of sequences share.

import { MAX_SIZE, flag, integer, oneOf } from '../errors'
import type { Initializer } from '../initializers'
import { KC } from '../kernels/blocking'
import {
  convOutput,
  convScratch,
  lineScratch,
  sumsTaps,
  usesLine,
  usesWinograd,
  winogradSize,
  winogradSplats,
} from '../kernels/conv-geometry'
import { N } from '../plan/calls'
import type { Plan } from '../plan/plan'
import type { Value } from '../plan/value'
import { type CheckedPad, borderOf, padded } from './pads'
import { checkFit, imageShape, one, strideWithin, windowHint } from './shapes'
import { biasGradient, checkInitializer, defaultInitializer, planBias } from './weights'

/** What a convolution has beside its windows. */
export interface FilterOptions {
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

/** Their names. */
export const FILTER_OPTIONS = ['groups', 'bias', 'init', 'algorithm'] as const

/** The same, checked. */
export interface Filters {
  readonly filters: number
  readonly groups: number
  readonly bias: boolean
  readonly init: Initializer | undefined
  readonly algorithm: 'auto' | 'direct' | undefined
}

const ALGORITHMS = ['auto', 'direct'] as const

/** Throws a PlanError unless they are right. */
export function checkFilters(kind: string, filters: number, options: FilterOptions): Filters {
  const { algorithm } = options
  return {
    filters: integer(kind, 'filters', filters, 1, MAX_SIZE),
    groups: integer(kind, 'groups', options.groups ?? 1, 1, MAX_SIZE),
    bias: flag(kind, 'bias', options.bias ?? true),
    init: checkInitializer(kind, options.init),
    algorithm: algorithm === undefined ? undefined : oneOf(kind, 'algorithm', algorithm, ALGORITHMS),
  }
}

/** As JSON has them, behind what a layer says of its windows. */
export function configOf<T extends object>({ filters, groups, bias, init, algorithm }: Filters, windows: T): object {
  return {
    filters,
    ...windows,
    groups,
    bias,
    ...(init && { init: { kind: init.kind, ...init.config } }),
    ...(algorithm && { algorithm }),
  }
}

/** [vertical, horizontal] each. */
export interface Windows {
  readonly kernel: readonly [number, number]
  readonly stride: readonly [number, number]
  readonly pad: CheckedPad
  readonly dilation: readonly [number, number]
}

/** Throws a PlanError where groups do not divide channels and filters. */
export function checkGroups(x: Value, plan: Plan, groups: number, filters: number): void {
  const [c] = x.shape
  if (c % groups === 0 && filters % groups === 0) return
  throw plan.error(`${groups} groups do not divide ${c} channels and ${filters} filters evenly${windowHint(x, plan)}`)
}

/** The kernels take a negative number of groups for: so many, by the direct algorithm. */
export function partsOf({ groups, algorithm }: Filters, plan: Plan): number {
  return (algorithm ?? plan.algorithm) === 'direct' ? -groups : groups
}

/** The convolution of images x; `taps` is the shape of a kernel as the weights have it. */
export function convolve(x: Value, plan: Plan, of: Filters, windows: Windows, taps: readonly number[]): Value {
  const { filters, groups, init } = of
  const { kernel, stride, pad, dilation } = windows
  const [kh, kw] = kernel
  const [dh, dw] = dilation
  const [c, height, width] = imageShape(x, plan)
  checkGroups(x, plan, groups, filters)
  const border = borderOf(pad, [height, width], windows)
  const [top, left, bottom, right] = border
  // The kernels know of as many zeros on both sides; what one side has more is put there.
  const [ph, pw] = [Math.min(top, bottom), Math.min(left, right)]
  const [h, w] = [height + top + bottom - 2 * ph, width + left + right - 2 * pw]
  const [sh, sw] = [strideWithin(stride[0], h + 2 * ph), strideWithin(stride[1], w + 2 * pw)]
  const oh = convOutput(h, kh, sh, ph, dh)
  const ow = convOutput(w, kw, sw, pw, dw)
  const spread = dh * dw === 1 ? '' : ` with dilation ${one([dh, dw])}`
  checkFit(x, plan, [oh, ow], [kh, kw], border, spread)
  const cg = c / groups
  const fanIn = cg * kh * kw
  const weight = plan.parameter('weight', [filters, cg, ...taps], {
    init: init ?? defaultInitializer(plan.ahead),
    fanIn,
    fanOut: (filters / groups) * kh * kw,
    decay: true,
  })
  const bias = of.bias ? planBias(plan, filters) : undefined
  const { image, back } = padded(x, plan, [top - ph, left - pw, bottom - ph, right - pw])
  const y = plan.value([filters, oh, ow])
  const parts = partsOf(of, plan)
  const flops = 2 * fanIn * y.size
  // Sequences: the direct kernels, as images of one row, would multiply twice as often.
  if (h === 1 && kh === 1 && ph === 0 && usesLine(c, filters, kw, sw, pw, dw, parts)) {
    const scratch = lineScratch(c, w, filters, kw, pw, plan.bytes)
    plan.forward('winograd1dForward', {
      sizes: [N, c, w, filters, filters, kw, pw],
      reads: [image, weight, bias],
      scratch,
      writes: [y],
      flops,
    })
    plan.backward('winograd1dBackwardWeight', {
      sizes: [N, c, c, w, filters, filters, kw, pw],
      reads: [image, y.gradient],
      scratch,
      writes: [weight.gradient],
    })
    if (bias) plan.backward('addChannelSums', biasGradient(y, bias, ow))
    plan.backward('winograd1dBackwardInput', {
      sizes: [N, c, c, w, filters, kw, pw],
      reads: [y.gradient, weight],
      scratch,
      writes: [image.gradient],
    })
    back()
    return y
  }
  const window = [kh, kw, sh, sw, ph, pw, dh, dw, parts]
  const scratch = convScratch(c, h, w, filters, kh, kw, sh, sw, ph, pw, dh, dw, parts, plan.bytes)
  const winograd = usesWinograd(c, filters, oh, ow, kh, kw, sh, sw, ph, pw, dh, dw, parts)
  // See assembly/part.ts: the size of the tiles, or 0 for a single channel. The output is as large as the input.
  const isSmall = w > 3 && Math.max(c, filters) <= KC && winogradSplats(c, filters, 0)
  const ordinary = isSmall && kh * kw === 9 && kh === 3 && ph * pw * sh * sw * dh * dw * groups === 1
  const variant = !ordinary ? undefined : winograd ? winogradSize(3, h, w) : sumsTaps(c, filters, 9) ? 0 : undefined
  plan.forward('conv2dForward', {
    sizes: [N, c, h, w, filters, filters, ...window],
    reads: [image, weight, bias],
    scratch,
    writes: [y],
    flops,
    variant,
  })
  plan.backward('conv2dBackwardWeight', {
    sizes: [N, c, c, h, w, filters, filters, ...window],
    variant,
    reads: [image, y.gradient],
    scratch,
    writes: [weight.gradient],
  })
  if (bias) plan.backward('addChannelSums', biasGradient(y, bias, oh * ow))
  plan.backward('conv2dBackwardInput', {
    sizes: [N, c, c, h, w, filters, ...window],
    variant,
    reads: [y.gradient, weight],
    scratch,
    writes: [image.gradient],
  })
  back()
  return y
}
