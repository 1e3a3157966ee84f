import { checkArguments, checkOptions, finite, integer } from '../errors'
import { scaleFor } from '../kernels/math'
import { type Optimizer, type Parameters, type WithRate, rateOf } from './optimizer'

/** Of lbfgs. */
export interface LbfgsOptions extends Partial<WithRate> {
  /** Pairs of past steps and changes of the gradient that are kept: 10 unless given. */
  memory?: number
  /** The most iterations in one step: 20 unless given. Of minimize in all: 1000 unless given. */
  iterations?: number
  /**
   * A step ends early once the norm of the gradient is at most this: 1e-9 unless given. So does minimize: 1e-8 unless
   * given.
   */
  tolerance?: number
}

// Places in Parameters.numbers. Behind them, for each pair, its sᵀy and the α of the first loop.
export const ITERATIONS = 0
export const EVALUATIONS = 1
const PAIRS = 2
/** Where the next pair goes. */
const NEXT = 3
/** sᵀy / yᵀy of the newest pair: the scale of the Hessian's inverse. */
const SCALE = 4
/** Loss and slope along the direction, at the last place looked at. */
export const VALUE = 5
const SLOPE = 6
const FIXED = 7

/** Of Armijo's condition and of the condition on the slope. */
const C1 = 1e-4
const C2 = 0.9
/** The largest `memory`: 2,000 times the parameters. */
const MOST_PAIRS = 1000
/** The most iterations that may be asked for at once, during which nothing else runs. */
const MOST_ITERATIONS = 1e6
/** The most places that one line search looks at. */
const MOST = 25

/**
 * Limited-memory BFGS (Nocedal & Wright, Numerical Optimization, 2nd ed., algorithm 7.5) with a line search for the
 * strong Wolfe conditions (algorithms 3.5 and 3.6, by cubic interpolation), as PyTorch's LBFGS with 'strong_wolfe'.
 * For full batches: it needs a loss that is the same function each time it looks. One step is up to `iterations`
 * iterations of about one evaluation each, fewer once the gradient's norm is at most `tolerance`.
 *
 *     const model = await createModel(network, { input: [4], batch: 150, loss, optimizer: lbfgs() })
 *     for (let i = 0; i < 10; i++) console.log(model.trainStep(x, y))
 *
 * - `trainStep(x, y)`, `fit` with all rows in one batch (else a PlanError), or `step(() => loss)` with a function that
 *   fills `gradients`. `step()` alone is a PlanError. `minimize` does it for any function without a model.
 * - learningRate, 1 unless given, is the step that each line search tries first (the very first: over the norm of the
 *   gradient, if that is above 1). Where the search does not find a lower loss the parameters stay as they are.
 * - The loss that it returns, and that fit reports, is that before the step. fit's accuracy is that of the last place
 *   it looked at.
 * - l2 and l1 are part of the loss and the gradient that the search sees; clipValue, clipNorm and maxNorm are a
 *   PlanError.
 * - All evaluations of one step are one pass: dropout draws its masks once for each step, so that the search sees one
 *   function. Batch norm updates its running statistics at each evaluation, which does the search no harm.
 * - Memory: 2 · memory + 3 times the parameters.
 */
export function lbfgs(options: LbfgsOptions = {}): Optimizer {
  checkArguments('lbfgs', arguments, 1)
  options = checkOptions('lbfgs', options, ['learningRate', 'memory', 'iterations', 'tolerance'])
  const memory = integer('lbfgs', 'memory', options.memory ?? 10, 1, MOST_PAIRS)
  const iterations = integer('lbfgs', 'iterations', options.iterations ?? 20, 1, MOST_ITERATIONS)
  const tolerance = finite('lbfgs', 'tolerance', options.tolerance ?? 1e-9, 0)
  // One place more than pairs: the step in work begins in it.
  const places = Array.from({ length: memory + 1 }, (_, i) => i)
  return {
    kind: 'lbfgs',
    config: { memory, iterations, tolerance },
    learningRate: rateOf('lbfgs', { learningRate: 1, ...options }),
    slots: [...places.map((i) => `s${i}`), ...places.map((i) => `y${i}`), 'direction'],
    numbers: FIXED + 2 * places.length,
    // Others would have it look for pairs where there are none.
    accepts(numbers) {
      const isCount = (at: number, most: number) =>
        Number.isSafeInteger(numbers[at]) && numbers[at] >= 0 && numbers[at] <= most
      return isCount(PAIRS, memory) && isCount(NEXT, memory)
    },
    uses: ['addScaled', 'addScaledTo', 'copyBlocks', 'dot', 'norm', 'scale'],
    minimize(p, rate, evaluate) {
      const first = evaluate()
      p.numbers[EVALUATIONS]++
      p.numbers[VALUE] = first
      for (let i = 0; i < iterations; i++) if (!iterate(p, memory + 1, rate, tolerance, evaluate)) break
      return first
    },
  }
}

/** One iteration; false once there is nothing to gain. x, dx and the loss are up to date before and after. */
function iterate(p: Parameters, places: number, rate: number, tolerance: number, evaluate: () => number): boolean {
  const { kernels, count, numbers, slots, x, dx } = p
  const value = numbers[VALUE]
  const norm = kernels.norm(count, dx)
  // Written so that a NaN ends it too.
  if (!(norm > tolerance && norm < Infinity && Math.abs(value) < Infinity)) return false
  // So short is -dx as a direction that its product with dx does not overflow.
  const shrink = Math.min(1, scaleFor(norm))
  const d = slots[2 * places]
  setDirection(p, places, shrink, d)
  let slope = kernels.dot(count, dx, d)
  if (!(slope < 0)) {
    numbers[PAIRS] = 0
    setDirection(p, places, shrink, d)
    slope = kernels.dot(count, dx, d)
  }
  if (!(slope < 0)) return false
  const pairs = numbers[PAIRS]
  const next = numbers[NEXT]
  const s = slots[next]
  const y = slots[places + next]
  kernels.copyBlocks(1, count, 0, 0, x, s)
  kernels.copyBlocks(1, count, 0, 0, dx, y)
  if (!search(p, d, s, y, value, slope, pairs ? rate : rate * Math.min(1, 1 / (norm * shrink)), evaluate)) {
    // What it remembers may be at fault; without any, this is as low as it gets.
    numbers[PAIRS] = 0
    return pairs > 0
  }
  numbers[ITERATIONS]++
  kernels.addScaledTo(count, -1, x, s, s)
  kernels.addScaledTo(count, -1, dx, y, y)
  const sy = kernels.dot(count, s, y)
  const yNorm = kernels.norm(count, y)
  // Positive but for rounding, by the condition on the slope; the measure is free of units. No norm is squared, which
  // could overflow.
  if (sy / yNorm > 1e-10 * kernels.norm(count, s) && sy < Infinity) {
    numbers[SCALE] = sy / yNorm / yNorm
    numbers[FIXED + next] = sy
    numbers[NEXT] = (next + 1) % places
    numbers[PAIRS] = Math.min(pairs + 1, places - 1)
  }
  return true
}

/** d = -H dx by the two loops of algorithm 7.4; -shrink dx without any pairs. */
function setDirection(p: Parameters, places: number, shrink: number, d: number): void {
  const { kernels, count, numbers, slots, dx } = p
  const pairs = numbers[PAIRS]
  const newest = numbers[NEXT] - 1 + places
  kernels.copyBlocks(1, count, 0, 0, dx, d)
  for (let i = 0; i < pairs; i++) {
    const at = (newest - i) % places
    const alpha = kernels.dot(count, slots[at], d) / numbers[FIXED + at]
    numbers[FIXED + places + at] = alpha
    kernels.addScaled(count, -alpha, slots[places + at], d)
  }
  kernels.scale(count, pairs ? -numbers[SCALE] : -shrink, d)
  for (let i = pairs - 1; i >= 0; i--) {
    const at = (newest - i) % places
    const beta = kernels.dot(count, slots[places + at], d) / numbers[FIXED + at]
    kernels.addScaled(count, -(numbers[FIXED + places + at] + beta), slots[at], d)
  }
}

/**
 * Looks for t with f(t) ≤ f(0) + c₁ t f'(0) and |f'(t)| ≤ c₂ |f'(0)|, where f(t) is the loss at start + t d, from `t`
 * on. `low` is the best place so far; `high`, once known, bounds with it an interval that holds such a t. Losses that
 * differ by rounding count as equal, or no search would succeed close to a minimum (Hager & Zhang, 2005). Returns
 * whether it moved: if it runs out of tries, to the best place it saw.
 */
function search(
  p: Parameters,
  d: number,
  start: number,
  startGradient: number,
  f0: number,
  slope0: number,
  t: number,
  evaluate: () => number,
): boolean {
  const { kernels, count, numbers, x, dx } = p
  const noise = (kernels.bytesPerValue() === 8 ? 2e-15 : 1e-6) * Math.abs(f0)
  let low = 0
  let fLow = f0
  let slopeLow = slope0
  let high = Infinity
  let fHigh = 0
  let slopeHigh = 0
  for (let i = 0; i < MOST; i++) {
    look(p, d, start, t, evaluate)
    const f = numbers[VALUE]
    const slope = numbers[SLOPE]
    // Too short a step to change anything.
    if (f === f0 && slope === slope0) break
    const enough = f <= f0 + C1 * t * slope0 + noise
    if (enough && Math.abs(slope) <= -C2 * slope0) return true
    let farther = t
    if (!enough || !(f <= fLow + noise)) {
      // A NaN comes here as well.
      high = t
      fHigh = f
      slopeHigh = slope
    } else {
      if (high === Infinity ? slope >= 0 : slope * (high - low) >= 0) {
        high = low
        fHigh = fLow
        slopeHigh = slopeLow
      } else if (high === Infinity) {
        // As far as the cubic says, but neither hardly nor without bounds.
        farther = clamp(cubic(low, fLow, slopeLow, t, f, slope), 2 * t - low, 10 * t)
      }
      low = t
      fLow = f
      slopeLow = slope
    }
    if (high === Infinity) {
      t = farther
      continue
    }
    const edge = 0.1 * (high - low)
    const least = cubic(low, fLow, slopeLow, high, fHigh, slopeHigh)
    // A loss that is no number says only that it was much too far.
    t = least === least ? clamp(least, low + edge, high - edge) : low + edge
    if (t === low || t === high) break
  }
  if (low > 0 && fLow < f0) {
    look(p, d, start, low, evaluate)
    return true
  }
  kernels.copyBlocks(1, count, 0, 0, start, x)
  kernels.copyBlocks(1, count, 0, 0, startGradient, dx)
  numbers[VALUE] = f0
  return false
}

/** x = start + t d, the loss there and its slope along d. */
function look(p: Parameters, d: number, start: number, t: number, evaluate: () => number): void {
  p.kernels.addScaledTo(p.count, t, start, d, p.x)
  p.numbers[VALUE] = evaluate()
  p.numbers[SLOPE] = p.kernels.dot(p.count, p.dx, d)
  p.numbers[EVALUATIONS]++
}

/** Where the cubic through f and its slopes at a and b is least (3.59); the middle where it has no minimum. */
function cubic(a: number, fa: number, slopeA: number, b: number, fb: number, slopeB: number): number {
  // The slopes in a unit in which they can be squared.
  const unit = scaleFor(Math.max(Math.abs(slopeA), Math.abs(slopeB)))
  const sa = slopeA * unit
  const sb = slopeB * unit
  const d1 = sa + sb - (3 * ((fa - fb) * unit)) / (a - b)
  const square = d1 * d1 - sa * sb
  if (square < 0) return (a + b) / 2
  const d2 = b > a ? Math.sqrt(square) : -Math.sqrt(square)
  return b - ((b - a) * (sb + d2 - d1)) / (sb - sa + 2 * d2)
}

function clamp(value: number, a: number, b: number): number {
  return Math.min(Math.max(value, Math.min(a, b)), Math.max(a, b))
}
