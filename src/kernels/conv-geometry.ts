// Sizes of a convolution, one source for the kernels, their twin and the planner.
// Along one axis: size of the image, k taps, stride, pad, dilation, out = size of the output.

import { GEMM_SCRATCH, floorDivide } from './blocking'

/** Size of the output; 0 or less where the kernel does not fit. */
export function convOutput(size: i32, k: i32, stride: i32, pad: i32, dilation: i32): i32 {
  const room: i32 = size + 2 * pad - dilation * (k - 1) - 1
  return room < 0 ? 0 : floorDivide(room, stride) + 1
}

/** Size of one phase plane of the padded image: tap t of output o reads plane t*dilation % stride at o + reach(t). */
export function sourcePlane(out: i32, k: i32, stride: i32, dilation: i32): i32 {
  return out + floorDivide((k - 1) * dilation, stride)
}

/** Zeros that dx needs before the first dy. */
export function gradientBefore(k: i32, stride: i32, pad: i32, dilation: i32): i32 {
  const before: i32 = floorDivide((k - 1) * dilation, stride) - floorDivide(pad, stride)
  return before > 0 ? before : 0
}

/** Size of dy with the zeros that dx needs before and after it. */
export function gradientPlane(size: i32, out: i32, k: i32, stride: i32, pad: i32, dilation: i32): i32 {
  const last: i32 = floorDivide(pad + size - 1, stride)
  return gradientBefore(k, stride, pad, dilation) + (last >= out ? last + 1 : out)
}

/** Bytes of scratch that the three passes of a convolution need, for values of `bytes` bytes; c and f of one group. */
export function convScratch(
  c: i32, h: i32, w: i32, f: i32, kh: i32, kw: i32, sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32, bytes: i32,
): i32 {
  const oh: i32 = convOutput(h, kh, sh, ph, dh)
  const ow: i32 = convOutput(w, kw, sw, pw, dw)
  const source: i32 = c * sh * sw * sourcePlane(oh, kh, sh, dh) * sourcePlane(ow, kw, sw, dw)
  const phase: i32 = sh * sw == 1 ? 0 : c * (floorDivide(h - 1, sh) + 1) * (floorDivide(w - 1, sw) + 1)
  const gradient: i32 = f * gradientPlane(h, oh, kh, sh, ph, dh) * gradientPlane(w, ow, kw, sw, pw, dw)
  const backward: i32 = gradient + c * f * kh * kw + phase
  const taps: i32 = (c > f ? c : f) * kh * kw
  return GEMM_SCRATCH + (source > backward ? source : backward) * bytes + 4 * taps
}
