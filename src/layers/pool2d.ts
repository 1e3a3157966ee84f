// What the pools of windows share.

import { PlanError, flag, pair } from '../errors'
import { convOutput, poolOutput, poolScratch } from '../kernels/conv-geometry'
import { type Size, times } from '../plan/calls'
import type { Plan } from '../plan/plan'
import type { Layer } from '../plan/layer'
import type { Value } from '../plan/value'
import { type Border, type CheckedPad, type Pad2d, WHOLE, borderOf, checkPad, padded } from './pads'
import { checkFit, imageShape, one, strideWithin } from './shapes'

/** How a pool slides. One number is for both directions; two are [vertical, horizontal]. */
export interface PoolOptions {
  /** That of the kernel unless given: windows side by side. */
  stride?: number | readonly [number, number]
  /**
   * On each side, at most half of the kernel; or sides by name, each less than the kernel; or 'same', as TensorFlow's:
   * ceil(size / stride) windows. 0 unless given.
   */
  pad?: Pad2d
  /**
   * One window more along an axis, cut off, where a part of the input is left over (PyTorch's ceil_mode); only with a
   * pad of numbers. False unless given.
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

/** What the kinds of pools differ in. */
interface PoolKind {
  /** From one value of a window to the next. 1 unless given. */
  readonly dilation?: readonly [number, number]
  /** Whether zeros around the image count; false unless given. */
  readonly countPad?: boolean
  /** What else its config says. */
  readonly config?: object
}

/** A layer of windows, whose calls `plan` records. The names of its options are checked, those of its own wholly. */
export function pool2d(
  kind: string,
  kernel: number | readonly [number, number],
  options: PoolOptions,
  { dilation = [1, 1], countPad = false, config = {} }: PoolKind,
  plan: (x: Value, plan: Plan, windows: Windows) => Value,
): Layer {
  const [kh, kw] = pair(kind, 'kernel', kernel, 1)
  const stride = pair(kind, 'stride', options.stride ?? [kh, kw], 1)
  const pad = checkPad(kind, options.pad ?? 0)
  const ceil = flag(kind, 'ceil', options.ceil ?? false)
  // From the first to the last row, and column, of a window.
  const [rows, columns] = [dilation[0] * (kh - 1) + 1, dilation[1] * (kw - 1) + 1]
  checkPool(kind, pad, ceil, rows, columns)
  return {
    kind,
    movesSteps: true,
    initBefore: 'next',
    config: { kernel: [kh, kw], stride, pad, ceil, ...config },
    plan(x, p) {
      const [c, height, width] = imageShape(x, p)
      const border = borderOf(pad, [height, width], { kernel: [kh, kw], stride, dilation })
      // The kernels count as many zeros behind the image as before it; others they are given.
      const isGiven = countPad && (border[2] > border[0] || border[3] > border[1])
      const { image, back } = padded(x, p, isGiven ? border : NONE)
      const [, h, w] = image.shape
      const [top, left, bottom, right] = isGiven ? NONE : border
      const [sh, sw] = [strideWithin(stride[0], h + top + bottom), strideWithin(stride[1], w + left + right)]
      const oh = ceil ? poolOutput(h, rows, sh, top, true) : convOutput(h + top + bottom, rows, sh, 0, 1)
      const ow = ceil ? poolOutput(w, columns, sw, left, true) : convOutput(w + left + right, columns, sw, 0, 1)
      checkFit(x, p, [oh, ow], [kh, kw], border, rows * columns > kh * kw ? ` with dilation ${one(dilation)}` : '')
      const y = plan(image, p, {
        sizes: [times(c), h, w, oh, ow, kh, kw, sh, sw, top, left],
        shape: [c, oh, ow],
        scratch: poolScratch(w, ow, kh, kw, sw, left, p.bytes),
        flops: kh * kw * c * oh * ow,
      })
      back()
      return y
    },
  }
}

const NONE: Border = [0, 0, 0, 0]

/** Throws a PlanError where windows might have nothing of the image in them. */
function checkPool(kind: string, pad: CheckedPad, ceil: boolean, rows: number, columns: number): void {
  if (pad === 'same' || !Array.isArray(pad)) {
    if (ceil) throw new PlanError(`${kind}: ceil goes with a pad of one or two numbers; leave one of them out`)
    if (pad === 'same') return
  }
  // PyTorch's limit; where sides differ, TensorFlow pads with up to the whole kernel but one.
  const share = Array.isArray(pad) ? 2 : 1
  const [top, left, bottom, right] = borderOf(pad, [], WHOLE)
  const [vertical, horizontal] = [Math.max(top, bottom), Math.max(left, right)]
  if (share * vertical < rows + share - 1 && share * horizontal < columns + share - 1) return
  const most = share === 2 ? 'at most half of' : 'less than'
  throw new PlanError(`${kind}: pad must be ${most} the kernel ${rows}x${columns}, got ${vertical}x${horizontal}`)
}
