// exp, log, log1p, sin, cos and the activations against exact values, by big integers.
import { createModel } from '../../src/model/create'
import type { Layer } from '../../src/plan/layer'
import { describe, expect, test } from 'vitest'
import { elu, gelu, sigmoid, silu, softplus, tanh } from '../../src/entries/index'
import { cos, exp, log, log1p, sin } from '../../src/kernels/math'
import { createRandom } from '../../src/random'

/** Bits after the point: enough for e^-745, which is 2^-1075, and 64 bits more. */
const P = 1200n
const ONE = 1n << P

const words = new DataView(new ArrayBuffer(8))

/** A double as a fixed-point integer; exact for all doubles down to 2^-1074. */
function toFixed(x: number): bigint {
  words.setFloat64(0, x)
  const bits = words.getBigUint64(0)
  const biased = (bits >> 52n) & 0x7ffn
  const mantissa = (bits & 0xfffffffffffffn) | (biased ? 1n << 52n : 0n)
  const exponent = (biased || 1n) - 1075n
  const value = exponent + P >= 0n ? mantissa << (exponent + P) : mantissa >> -(exponent + P)
  return x < 0 ? -value : value
}

/** Distance from the exact value, in units of the last place of `x`. */
function ulps(x: number, exact: bigint): number {
  words.setFloat64(0, Math.abs(x))
  const biased = (words.getBigUint64(0) >> 52n) & 0x7ffn
  const unit = 1n << ((biased || 1n) - 1075n + P)
  const distance = toFixed(x) - exact
  return Number((1000n * (distance < 0n ? -distance : distance)) / unit) / 1000
}

/** atanh(1/n) = sum 1 / ((2k + 1) n^(2k+1)). */
function inverseAtanh(n: bigint): bigint {
  let sum = 0n
  let power = ONE / n
  for (let k = 1n; power > 0n; k += 2n, power /= n * n) sum += power / k
  return sum
}
const LN2 = 18n * inverseAtanh(26n) - 2n * inverseAtanh(4801n) + 8n * inverseAtanh(8749n)

/** e^x in fixed point: x = k ln 2 + r, and the series of e^r. */
function exactExp(x: bigint): bigint {
  const k = x / LN2
  const r = x - k * LN2
  let term = ONE
  let sum = 0n
  for (let n = 1n; term !== 0n; n++) {
    sum += term
    term = (term * r) / (n * ONE)
  }
  return k >= 0n ? sum << k : sum >> -k
}

/** ln x by Newton's method on e^y = x, from the double nearest to it. */
function exactLog(x: number): bigint {
  // 2^-1074 has no room in fixed point for its digits: scale by a power of two.
  const shift = Math.floor(Math.log2(x))
  const half = Math.trunc(shift / 2)
  const m = toFixed(x * 2 ** -half * 2 ** (half - shift))
  let y = toFixed(Math.log(Number(m >> (P - 60n)) / 2 ** 60))
  for (let i = 0; i < 5; i++) {
    const e = exactExp(y)
    y += (2n * (m - e) * ONE) / (m + e)
  }
  return y + BigInt(shift) * LN2
}

const random = createRandom(9)
const many = (count: number, draw: () => number) => Array.from({ length: count }, draw)

describe('exp', () => {
  test('is within 2 ulp of the exact value, from underflow to overflow', () => {
    const xs = [
      ...many(600, () => -745 + 1454.78 * random.uniform()),
      ...many(300, () => 2 * random.normal()),
      ...many(200, () => random.normal() * 2 ** -random.integer(60)),
      // The subnormal results, and the last ones before overflow.
      ...many(200, () => -708 - 37 * random.uniform()),
      ...many(100, () => 709 + 0.78 * random.uniform()),
      ...many(100, () => (random.integer(2000) - 1000) * 0.34657359027997264),
      709.782712893384,
      -745.1332191019411,
      -745.13,
      -708.3964185322641,
      0.34657359027997264,
      -0.34657359027997264,
      1,
      -1,
    ]
    let worst = 0
    for (const x of xs) worst = Math.max(worst, ulps(exp(x), exactExp(toFixed(x))))
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThanOrEqual(1)
  })

  test.each([
    [0, 1],
    [-0, 1],
    [Infinity, Infinity],
    [-Infinity, 0],
    [NaN, NaN],
    [709.7827128933841, Infinity],
    [1e300, Infinity],
    [-745.1332191019412, 0],
    [-745.133219101941, 5e-324],
    [-1e300, 0],
    [5e-324, 1],
  ])('exp(%d) is %d', (x, y) => expect(exp(x)).toBe(y))
})

describe('log', () => {
  test('is within 2 ulp of the exact value, from the least to the largest double', () => {
    const xs = [
      ...many(400, () => (1 + random.uniform()) * 2 ** (random.integer(2046) - 1022)),
      ...many(300, () => 1 + random.normal() * 2 ** -random.integer(50)).map(Math.abs),
      ...many(100, () => random.next() * 5e-324),
      ...many(200, () => 0.5 + 1.5 * random.uniform()),
      5e-324,
      2.2250738585072014e-308,
      Number.MAX_VALUE,
      Math.SQRT2,
      Math.SQRT1_2,
      2,
      0.5,
      10,
      0.7071067811865475,
    ].filter((x) => x > 0 && x !== 1)
    let worst = 0
    for (const x of xs) worst = Math.max(worst, ulps(log(x), exactLog(x)))
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThanOrEqual(1)
  })

  test.each([
    [1, 0],
    [0, -Infinity],
    [-0, -Infinity],
    [Infinity, Infinity],
    [-1, NaN],
    [-Infinity, NaN],
    [NaN, NaN],
    [5e-324, -744.4400719213812],
    [2, Math.LN2],
  ])('log(%d) is %d', (x, y) => expect(log(x)).toBe(y))
})

describe('log1p', () => {
  /** Of the exact 1 + x, which fixed point holds for |x| down to 2^-1074. */
  const exact = (x: number) => {
    const m = ONE + toFixed(x)
    // From Math.log1p by Newton's method on e^y = 1 + x.
    let y = toFixed(Math.log1p(x))
    for (let i = 0; i < 5; i++) {
      const e = exactExp(y)
      y += (2n * (m - e) * ONE) / (m + e)
    }
    return y
  }

  test('is within 2 ulp of the exact value', () => {
    const xs = [
      ...many(500, random.uniform),
      ...many(300, () => -random.uniform()),
      ...many(200, () => random.normal() * 2 ** -random.integer(200)),
      ...many(200, () => (1 + random.uniform()) * 2 ** random.integer(200)),
      ...many(100, () => 2 ** -random.integer(54) - 1),
      0.4142135623730951,
      0.41421356237309515,
      -0.2928932188134524,
      -0.29289321881345237,
      1,
      2,
      0.5,
      -0.5,
      1e16,
    ].filter((x) => x > -1 && x !== 0)
    let worst = 0
    for (const x of xs) worst = Math.max(worst, ulps(log1p(x), exact(x)))
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThanOrEqual(2)
  })

  test.each([
    [0, 0],
    [-0, -0],
    [-1, -Infinity],
    [-1.5, NaN],
    [NaN, NaN],
    [Infinity, Infinity],
    [5e-324, 5e-324],
    [1, Math.LN2],
    [1e308, 709.1962086421661],
  ])('log1p(%d) is %d', (x, y) => expect(log1p(x)).toBe(y))
})

test('sin and cos are right to 1e-15', () => {
  for (const x of [0, -0, Math.PI, -Math.PI, Math.PI / 2, ...many(1000, () => 20 * random.normal())]) {
    expect(Math.abs(cos(x) - Math.cos(x))).toBeLessThan(1e-15)
    expect(Math.abs(sin(x) - Math.sin(x))).toBeLessThan(1e-15)
  }
  expect([cos(0), cos(Math.PI), sin(0), sin(Math.PI / 2)]).toEqual([1, -1, 0, 1])
})

/** What a layer makes of the values of x. */
async function outputs(layer: Layer, x: ArrayLike<number>, options: { dtype: 'float64' | 'float32'; backend: 'wasm' }) {
  const model = await createModel(layer, { input: [x.length], batch: 1, ...options })
  return model.predict(Array.from(x)).data
}

/** ln x in fixed point, by Newton's method on e^y = x. */
function exactLogOf(x: bigint): bigint {
  let y = toFixed(Math.log1p(Number(((x - ONE) * 2n ** 60n) >> P) / 2 ** 60))
  if (y === 0n) return x - ONE
  for (let i = 0; i < 6; i++) {
    const e = exactExp(y)
    y += (2n * (x - e) * ONE) / (x + e)
  }
  return y
}

/** The square root of pi, by Machin's formula for pi / 4. */
function exactRootOfPi(): bigint {
  const arctan = (n: bigint) => {
    let sum = 0n
    let power = ONE / n
    for (let k = 1n, sign = 1n; power > 0n; k += 2n, sign = -sign, power /= n * n) sum += (sign * power) / k
    return sum
  }
  return rootOf(4n * (4n * arctan(5n) - arctan(239n)))
}

/** By Newton's method, in fixed point. */
function rootOf(x: bigint): bigint {
  const target = x << P
  let root = ONE << 4n
  for (let last = 0n; root < last || last === 0n;) {
    last = root
    root = (root + target / root) / 2n
  }
  return root
}

/**
 * The standard normal distribution: 1/2 + d (x + x^3 / 3 + x^5 / (3 5) + ...), d = e^(-x^2/2) / sqrt(2 pi), and where that
 * would lose digits, below -3, d / (-x + 1 / (-x + 2 / (-x + 3 / ...))).
 */
function exactNormal(x: bigint): bigint {
  if (x > 3n * ONE) return ONE - exactNormal(-x)
  const square = (x * x) >> P
  const density = (exactExp(-square / 2n) * ONE) / ((exactRootOfPi() * rootOf(2n * ONE)) >> P)
  if (x < -3n * ONE) {
    let fraction = -x
    for (let n = 600n; n > 0n; n--) fraction = -x + (n * ONE * ONE) / fraction
    return (density * ONE) / fraction
  }
  let sum = 0n
  for (let term = x, n = 3n; term !== 0n && term !== -1n; n += 2n) {
    sum += term
    term = ((term * square) >> P) / n
  }
  return ONE / 2n + ((density * sum) >> P)
}

describe('activations', () => {
  const tables: [name: string, layer: () => Layer, exact: (x: bigint) => bigint][] = [
    ['sigmoid', sigmoid, (x) => (ONE * exactExp(x)) / (ONE + exactExp(x))],
    ['tanh', tanh, (x) => (ONE * (exactExp(2n * x) - ONE)) / (exactExp(2n * x) + ONE)],
    ['elu', elu, (x) => (x > 0n ? x : exactExp(x) - ONE)],
  ]
  /** Curves that are x times what becomes 0, as far as that is no subnormal number: within so many ulp. */
  const products: [name: string, layer: () => Layer, exact: (x: bigint) => bigint, most: number, most32: number][] = [
    ['silu', silu, (x) => (x * exactExp(x)) / (ONE + exactExp(x)), 2.5, 3],
    ['gelu', gelu, (x) => (x * exactNormal(x)) >> P, 3, 5],
    ['softplus', softplus, (x) => exactLogOf(ONE + exactExp(x)), 2, 2],
  ]
  const nearer = [
    ...many(150, () => 2 * random.normal()),
    ...many(50, () => 8 * random.normal()),
    ...many(50, () => random.normal() * 2 ** -random.integer(60)),
    ...[36.9, 12.5, 6, 0.5, 1, 2, 3, 4, 5].flatMap((x) => [x, -x]),
  ].filter((x) => Math.abs(x) < 37)

  test.each(products)('%s is within a few ulp of the exact value in float64', async (_, layer, exact, most) => {
    const ys = await outputs(layer(), nearer, { dtype: 'float64', backend: 'wasm' })
    const worst = Math.max(...nearer.map((x, i) => ulps(ys[i], exact(toFixed(x)))))
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThanOrEqual(most)
  })

  const xs = [
    ...many(300, () => 3 * random.normal()),
    ...many(300, () => random.uniform() - 0.5),
    ...many(100, () => 80 * random.normal()),
    ...many(100, () => random.normal() * 2 ** -random.integer(60)),
    // Where a form gives way to another, and the last values before the result is -1, 0 or 1.
    ...many(100, () => 0.6364 + 0.001 * random.normal()),
    ...many(50, () => -700 - 45 * random.uniform()),
    ...[0.17, 0.34657359027997264, 0.6931471805599453, 19.06, 22, 36.7, 37.4, 59.9, 60.1].flatMap((x) => [x, -x]),
  ]

  test.each(tables)('%s is within 2 ulp of the exact value in float64', async (_, layer, exact) => {
    const ys = await outputs(layer(), xs, { dtype: 'float64', backend: 'wasm' })
    const worst = Math.max(...xs.map((x, i) => ulps(ys[i], exact(toFixed(x)))))
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThanOrEqual(2)
  })

  test.each([
    ...tables.map(([name, layer]) => [name, layer, 2] as const),
    ...products.map(([name, layer, , , most]) => [name, layer, most] as const),
  ])('%s is within a few ulp in float32', async (name, layer, most) => {
    const singles = Float32Array.from([...xs, ...many(200_000, () => 4 * random.normal())]).filter(
      // The rest are subnormal numbers, or made of them.
      (x) => !products.some((row) => row[0] === name) || x > -12,
    )
    const exact = await outputs(layer(), singles, { dtype: 'float64', backend: 'wasm' })
    const ys = await outputs(layer(), singles, { dtype: 'float32', backend: 'wasm' })
    const next = new Float32Array(1)
    const bits = new Uint32Array(next.buffer)
    let worst = 0
    for (let i = 0; i < ys.length; i++) {
      const size = (next[0] = Math.abs(ys[i]))
      bits[0]++
      worst = Math.max(worst, Math.abs(ys[i] - exact[i]) / (next[0] - size))
    }
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThanOrEqual(most)
  })
})
