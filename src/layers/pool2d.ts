// What the pools of windows share.

import { PlanError, flag, pair } from '../errors'
import { poolOutput, poolScratch } from '../kernels/conv-geometry'
import { type Size, times } from '../plan/calls'
import type { Plan } from '../plan/plan'
import type { Layer } from '../plan/layer'
import type { Value } from '../plan/value'
import { checkFit, imageShape, strideWithin } from './shapes'

/** How a pool slides. One number is for both directions; two are [vertical, horizontal]. */
export interface PoolOptions {
  /** That of the kernel unless given: windows side by side. */
  stride?: number | readonly [number, number]
  /** On each side; at most half of the kernel. 0 unless given. */
  pad?: number | readonly [number, number]
  /**
   * One window more along an axis, cut off, where a part of the input is left over (PyTorch's ceil_mode). False unless
   * given.
   */
  ceil?: boolean
}

/** Their names. */
export const POOL_OPTIONS = ['stride', 'pad', 'ceil'] as const

/** A planned pool. */
export interface Windows {
  /** n c, h, w, oh, ow, kh, kw, sh, sw, ph, pw: as the kernels have them. */
  readonly sizes: readonly Size[]
  /** Of the output, for one example. */
  readonly shape: readonly [channels: number, height: number, width: number]
  /** Bytes of scratch of the forward pass, and of the backward pass of means. */
  readonly scratch: number
  /** Comparisons or additions for one example. */
  readonly flops: number
}

/** A layer of windows, whose calls `plan` records. The names of its options are checked, `extra` wholly. */
export function pool2d(
  kind: string,
  kernel: number | readonly [number, number],
  options: PoolOptions,
  extra: Readonly<Record<string, unknown>>,
  plan: (x: Value, plan: Plan, windows: Windows) => Value,
): Layer {
  const [kh, kw] = pair(kind, 'kernel', kernel, 1)
  const stride = pair(kind, 'stride', options.stride ?? [kh, kw], 1)
  const [ph, pw] = pair(kind, 'pad', options.pad ?? 0, 0)
  const ceil = flag(kind, 'ceil', options.ceil ?? false)
  if (2 * ph > kh || 2 * pw > kw) {
    throw new PlanError(`${kind}: pad must be at most half of the kernel ${kh}x${kw}, got ${ph}x${pw}`)
  }
  return {
    kind,
    initBefore: 'next',
    config: { kernel: [kh, kw], stride, pad: [ph, pw], ceil, ...extra },
    plan(x, p) {
      const [c, h, w] = imageShape(x, p)
      const [sh, sw] = [strideWithin(stride[0], h, ph), strideWithin(stride[1], w, pw)]
      const oh = poolOutput(h, kh, sh, ph, ceil)
      const ow = poolOutput(w, kw, sw, pw, ceil)
      checkFit(x, p, [oh, ow], [kh, kw], [ph, pw])
      return plan(x, p, {
        sizes: [times(c), h, w, oh, ow, kh, kw, sh, sw, ph, pw],
        shape: [c, oh, ow],
        scratch: poolScratch(w, ow, kh, kw, sw, pw, p.bytes),
        flops: kh * kw * c * oh * ow,
      })
    },
  }
}
