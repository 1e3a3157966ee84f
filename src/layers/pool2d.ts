// What the pools of windows share.

import { PlanError, checkOptions, flag, pair } from '../errors'
import { poolOutput, poolScratch } from '../kernels/conv-geometry'
import type { Layer, Plan, Step, Value } from '../plan/plan'

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

/** The sizes of a planned pool, in the order of the kernels' arguments. */
export interface Windows {
  readonly c: number
  readonly h: number
  readonly w: number
  readonly oh: number
  readonly ow: number
  readonly kh: number
  readonly kw: number
  readonly sh: number
  readonly sw: number
  readonly ph: number
  readonly pw: number
}

/** A layer of windows, whose step `plan` makes; `extra` are options beside those of PoolOptions, checked. */
export function pool2d(
  kind: string,
  kernel: number | readonly [number, number],
  options: PoolOptions,
  extra: Readonly<Record<string, unknown>>,
  plan: (x: Value, plan: Plan, windows: Windows) => Step,
): Layer {
  checkOptions(kind, options, ['stride', 'pad', 'ceil', ...Object.keys(extra)])
  const [kh, kw] = pair(kind, 'kernel', kernel, 1)
  const [sh, sw] = pair(kind, 'stride', options.stride ?? kernel, 1)
  const [ph, pw] = pair(kind, 'pad', options.pad ?? 0, 0)
  const ceil = flag(kind, 'ceil', options.ceil ?? false)
  if (2 * ph > kh || 2 * pw > kw) {
    throw new PlanError(`${kind}: pad must be at most half of the kernel ${kh}x${kw}, got ${ph}x${pw}`)
  }
  return {
    kind,
    initBefore: 'next',
    config: { kernel: [kh, kw], stride: [sh, sw], pad: [ph, pw], ceil, ...extra },
    plan(x, p) {
      const [c, h, w] = imageShape(x, p)
      const oh = poolOutput(h, kh, sh, ph, ceil)
      const ow = poolOutput(w, kw, sw, pw, ceil)
      if (oh < 1 || ow < 1) throw p.error(`kernel ${kh}x${kw} does not fit a ${h}x${w} input with pad ${ph}x${pw}`)
      p.scratch(poolScratch(w, ow, kh, kw, sw, pw, p.bytes))
      return plan(x, p, { c, h, w, oh, ow, kh, kw, sh, sw, ph, pw })
    },
  }
}

/** [C, H, W], or a PlanError where the input is no image. */
export function imageShape({ shape }: Value, plan: Plan): readonly number[] {
  if (shape.length === 3) return shape
  throw plan.error(`wants images (C, H, W), got an input of shape (${shape.join(', ')})`)
}
