// Elementary functions, one source for both engines: asc compiles this file into the WebAssembly kernels, tsc into
// the twin. Only + - * /, sqrt, floor and comparisons are used, which are exact in every engine; Math.exp and the
// like differ between engines in their last bits. All work in float64; float32 kernels round the result.
// In AssemblyScript `number` is f64.

/** ln 2 in two parts: k * LN2_HIGH is exact for |k| < 2^20, since its last 21 bits are zero. */
export const LN2_HIGH: number = 0.693147180369123816490
export const LN2_LOW: number = 1.90821492927058770002e-10
/** The same for float32, exact for |k| < 2^15. */
export const LN2_HIGH_SINGLE: number = 0.693359375
export const LN2_LOW_SINGLE: number = -2.1219444005469057e-4
export const LOG2_E: number = 1.4426950408889634

/** Below these, e^x is 0 in float64 and in float32. */
export const EXP_UNDERFLOW: number = -745.1332191019412
export const EXP_UNDERFLOW_SINGLE: number = -103.97208

/** Below it, e^x - 1 is -1. */
export const EXPM1_LEAST: number = -60
/** e^-2|x| below which 1 - tanh |x| is less than 1/2 and can be subtracted from 1. */
export const TANH_FAR: number = 0.28

/** 1/n!, the coefficients of e^r. */
export const EXP_2: number = 0.5
export const EXP_3: number = 0.16666666666666666
export const EXP_4: number = 4.1666666666666664e-2
export const EXP_5: number = 8.333333333333333e-3
export const EXP_6: number = 1.388888888888889e-3
export const EXP_7: number = 1.984126984126984e-4
export const EXP_8: number = 2.48015873015873e-5
export const EXP_9: number = 2.7557319223985893e-6
export const EXP_10: number = 2.755731922398589e-7
export const EXP_11: number = 2.505210838544172e-8
export const EXP_12: number = 2.08767569878681e-9
export const EXP_13: number = 1.6059043836821613e-10

/** 1/n, the coefficients of artanh. */
export const LOG_3: number = 0.3333333333333333
export const LOG_5: number = 0.2
export const LOG_7: number = 0.14285714285714285
export const LOG_9: number = 0.1111111111111111
export const LOG_11: number = 0.09090909090909091
export const LOG_13: number = 0.07692307692307693
export const LOG_15: number = 0.06666666666666667
export const LOG_17: number = 0.058823529411764705
export const LOG_19: number = 0.05263157894736842
export const LOG_21: number = 0.047619047619047616
export const SQRT2_LESS_1: number = 0.4142135623730951

/**
 * The standard normal distribution below -x, for x >= 0, is e^(-x^2/2) / (x + 4) times a polynomial in
 * s = (x - 4) / (x + 4), to 4e-17 of it. Interpolated at Chebyshev's points from x = 0 to where it underflows; the idea is
 * that of Schonfelder (1978) for erfc. Then the same for float32, to 2e-8.
 */
export const TAIL_CENTRE: number = 4
export const TAIL_0: number = 0.7552851304157515
export const TAIL_1: number = -0.6078966419718917
export const TAIL_2: number = 0.3871374007422187
export const TAIL_3: number = -0.1865218579596944
export const TAIL_4: number = 0.06039657489070879
export const TAIL_5: number = -0.007540188965582072
export const TAIL_6: number = -0.003479692362423222
export const TAIL_7: number = 0.0016308184416757216
export const TAIL_8: number = 0.0001333442557794809
export const TAIL_9: number = -0.0002310948161145127
export const TAIL_10: number = -1.9078762382182562e-06
export const TAIL_11: number = 3.514416799822778e-05
export const TAIL_12: number = 7.15037346304297e-07
export const TAIL_13: number = -5.91884478718702e-06
export const TAIL_14: number = -6.25193110588506e-07
export const TAIL_15: number = 1.019696831151206e-06
export const TAIL_16: number = 2.637443650566312e-07
export const TAIL_17: number = -1.5411646334002175e-07
export const TAIL_18: number = -7.63984192563988e-08
export const TAIL_19: number = 1.4468530167047007e-08
export const TAIL_20: number = 1.390350496575988e-08
export const TAIL_21: number = 1.0768241006920988e-10
export const TAIL_22: number = -9.512991024047347e-10
export const TAIL_SINGLE_0: number = 0.7552851385103706
export const TAIL_SINGLE_1: number = -0.6078966060738091
export const TAIL_SINGLE_2: number = 0.3871366797947066
export const TAIL_SINGLE_3: number = -0.18652300589738766
export const TAIL_SINGLE_4: number = 0.06040646974830364
export const TAIL_SINGLE_5: number = -0.007527212911679855
export const TAIL_SINGLE_6: number = -0.003523574056351906
export const TAIL_SINGLE_7: number = 0.0015693136450922462
export const TAIL_SINGLE_8: number = 0.00019480185114246543
export const TAIL_SINGLE_9: number = -0.00012298315700526609

/**
 * The power of two by which values up to `largest` are multiplied, without rounding, before they are squared: 1 where
 * that neither overflows nor loses digits, in float32 as well.
 */
export function scaleFor(largest: number): number {
  let scale: number = 1
  if (!(largest > 0 && largest < Infinity)) return scale
  // 2^16 at a time, and at most 2^1008, which is enough for the least value, 2^-1074.
  while (largest * scale > 65536) scale *= 0.0000152587890625
  while (largest * scale < 9.094947017729282e-13 && scale < 1.0715086071862673e301) scale *= 65536
  return scale
}

/** base^n for an integer n of at least 0, by repeated squaring. */
export function integerPower(base: number, n: number): number {
  let square: number = base
  let power: number = 1
  while (n > 0) {
    const half: number = Math.floor(n * 0.5)
    if (n > half + half) power *= square
    square *= square
    n = half
  }
  return power
}

/** 2^k for an integer k from -1022 to 1023, exact. */
export function powerOfTwo(k: number): number {
  return k < 0 ? integerPower(0.5, -k) : integerPower(2, k)
}

/** k of x = k ln 2 + r, |r| <= ln 2 / 2. */
export function expPower(x: number): number {
  return Math.floor(x * LOG2_E + 0.5)
}

/** e^r - 1 by Taylor's series, with k of expPower. */
export function expSeries(x: number, k: number): number {
  const r: number = x - k * LN2_HIGH - k * LN2_LOW
  let p: number = EXP_13
  p = p * r + EXP_12
  p = p * r + EXP_11
  p = p * r + EXP_10
  p = p * r + EXP_9
  p = p * r + EXP_8
  p = p * r + EXP_7
  p = p * r + EXP_6
  p = p * r + EXP_5
  p = p * r + EXP_4
  p = p * r + EXP_3
  p = p * r + EXP_2
  return r + r * r * p
}

/** e^x, within 1 ulp, subnormal results included. */
export function exp(x: number): number {
  if (x != x) return x
  if (x > 709.782712893384) return Infinity
  if (x < EXP_UNDERFLOW) return 0
  const k: number = expPower(x)
  const y: number = 1 + expSeries(x, k)
  // Two factors where one would overflow or be subnormal itself; the first product is exact.
  if (k > 1000) return y * powerOfTwo(1000) * powerOfTwo(k - 1000)
  if (k < -1000) return y * powerOfTwo(k + 200) * powerOfTwo(-200)
  return y * powerOfTwo(k)
}

/** ln x, within 1 ulp. x = 2^e m with m near 1, and the series of 2 artanh(s), s = (m - 1) / (m + 1). */
export function log(x: number): number {
  if (x != x || x < 0) return NaN
  if (x == 0) return -Infinity
  if (x == Infinity) return x
  let m: number = x
  let e: number = 0
  if (m < 2.2250738585072014e-308) {
    m *= 18014398509481984 // 2^54
    e = -54
  }
  // Binary search for the exponent, by factors 2^512, 2^256, ..., 2: all products are exact.
  let power: number = 1.3407807929942597e154
  for (let step: number = 512; step >= 1; step *= 0.5) {
    if (m >= power) {
      m /= power
      e += step
    } else if (m * power < 1) {
      m *= power
      e -= step
    }
    power = Math.sqrt(power)
  }
  // Now 0.5 <= m < 2; centre it on 1.
  if (m > 1.4142135623730951) {
    m *= 0.5
    e += 1
  } else if (m < 0.7071067811865476) {
    m *= 2
    e -= 1
  }
  const f: number = m - 1
  return e * LN2_HIGH - (artanhRest(f) - e * LN2_LOW - f)
}

/**
 * ln(1 + x), within 2 ulp, which keeps the digits of an x near 0. With u = 1 + x rounded, ln(1 + x) is ln u and, for
 * what the rounding lost, lost / u.
 */
export function log1p(x: number): number {
  if (x != x || x < -1) return NaN
  if (x == -1) return -Infinity
  if (x > 1e300) return log(x)
  if (x < -0.2928932188134524) {
    const u: number = 1 + x
    return log(u) + (x - (u - 1)) / u
  }
  if (x > 1) {
    const u: number = 1 + x
    return log(u) + (1 - (u - x)) / u
  }
  if (x > SQRT2_LESS_1) {
    // ln 2 + ln((1 + x) / 2).
    const f: number = (x - 1) * 0.5
    return LN2_HIGH - (artanhRest(f) - LN2_LOW - f)
  }
  return x - artanhRest(x)
}

/**
 * f - ln(1 + f) for f from sqrt(1/2) - 1 to sqrt(2) - 1: the series of 2 artanh(s), s = f / (2 + f). 2s = f - s f, so
 * ln(1 + f) = f - s (f - 2 z q): f itself carries no rounding.
 */
function artanhRest(f: number): number {
  const s: number = f / (2 + f)
  const z: number = s * s
  let q: number = LOG_21
  q = q * z + LOG_19
  q = q * z + LOG_17
  q = q * z + LOG_15
  q = q * z + LOG_13
  q = q * z + LOG_11
  q = q * z + LOG_9
  q = q * z + LOG_7
  q = q * z + LOG_5
  q = q * z + LOG_3
  return s * (f - 2 * z * q)
}

/** cos x for |x| < 2^20, to about 1e-16: schedules and augmentation need it, kernels do not. */
export function cos(x: number): number {
  return sine(x, 1)
}

/** sin x for |x| < 2^20, to about 1e-16. */
export function sin(x: number): number {
  return sine(x, 0)
}

/** sin(x + turns pi/2): x = k pi/2 + r, |r| <= pi/4, and Taylor's series of sin r or cos r. */
function sine(x: number, turns: number): number {
  const k: number = Math.floor(x * 0.6366197723675814 + 0.5)
  // pi/2 in two parts, the first with 21 zero bits at its end.
  const r: number = x - k * 1.57079632673412561417 - k * 6.07710050650619224932e-11
  const z: number = r * r
  const quadrant: number = k + turns - 4 * Math.floor((k + turns) * 0.25)
  let p: number
  if (quadrant == 0 || quadrant == 2) {
    p = 2.8114572543455206e-15
    p = p * z - 7.647163731819816e-13
    p = p * z + 1.6059043836821613e-10
    p = p * z - 2.505210838544172e-8
    p = p * z + 2.7557319223985893e-6
    p = p * z - 1.984126984126984e-4
    p = p * z + 8.333333333333333e-3
    p = p * z - 0.16666666666666666
    p = r + r * z * p
    return quadrant == 2 ? -p : p
  }
  p = 4.779477332387385e-14
  p = p * z - 1.1470745597729725e-11
  p = p * z + 2.08767569878681e-9
  p = p * z - 2.755731922398589e-7
  p = p * z + 2.48015873015873e-5
  p = p * z - 1.388888888888889e-3
  p = p * z + 4.1666666666666664e-2
  p = 1 - 0.5 * z + z * z * p
  return quadrant == 3 ? -p : p
}
