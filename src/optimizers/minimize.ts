import { createEngine } from '../engine/create'
import { DataError, callable, checkArguments, checkOptions, numbers, show } from '../errors'
import { EVALUATIONS, ITERATIONS, type LbfgsOptions, VALUE, lbfgs } from './lbfgs'

/** What minimize found. */
export interface Minimum {
  /** Where the function is least, as far as it was found. */
  readonly x: Float64Array
  /** The function there. */
  readonly value: number
  /** The norm of the gradient at x. */
  readonly gradientNorm: number
  /** Whether that norm is at most the tolerance. */
  readonly converged: boolean
  /** Steps taken, each to a lower value. */
  readonly iterations: number
  /** Calls of the function. */
  readonly evaluations: number
}

const ALIGN = 64

/**
 * Minimises any differentiable function by lbfgs, without a model. `f(x, gradient)` returns its value at x and adds its
 * gradient there to `gradient`, which is zero when it is called; both are Float64Arrays that it must not keep. Ends
 * when the norm of the gradient is at most `tolerance`, after `iterations`, or where no lower value is found.
 *
 *     // Rosenbrock's valley, from (-1.2, 1) to its end at (1, 1).
 *     const { x, evaluations } = await minimize(([a, b], gradient) => {
 *       gradient[0] = -400 * a * (b - a * a) - 2 * (1 - a)
 *       gradient[1] = 200 * (b - a * a)
 *       return 100 * (b - a * a) ** 2 + (1 - a) ** 2
 *     }, [-1.2, 1])
 */
export async function minimize(
  f: (x: Float64Array, gradient: Float64Array) => number,
  start: ArrayLike<number>,
  options: Omit<LbfgsOptions, 'learningRate'> = {},
): Promise<Minimum> {
  checkArguments('minimize', arguments, 3)
  callable('minimize', '', f, 'a function (x, gradient)')
  const first = checkStart(start)
  options = checkOptions('minimize', options, ['memory', 'iterations', 'tolerance'])
  const tolerance = options.tolerance ?? 1e-8
  const optimizer = lbfgs({ ...options, iterations: options.iterations ?? 1000, tolerance })
  const count = first.length
  const region = Math.ceil((8 * count) / ALIGN) * ALIGN
  const pointer = (i: number) => 2 * ALIGN + i * region
  const bytes = pointer(2 + optimizer.slots.length)
  const engine = await createEngine('float64', bytes, 'auto', undefined, optimizer.uses)
  const { kernels, buffer } = engine
  const [x, gradient] = [0, 1].map((i) => new Float64Array(buffer, pointer(i), count))
  const numbers = new Float64Array(optimizer.numbers!)
  x.set(first)
  const parameters = {
    kernels,
    count,
    decayed: 0,
    x: pointer(0),
    dx: pointer(1),
    slots: optimizer.slots.map((_, i) => pointer(2 + i)),
    numbers,
    weightDecay: undefined,
  }
  try {
    optimizer.minimize!(parameters, 1, () => {
      gradient.fill(0)
      const value = f(x, gradient)
      if (typeof value === 'number') return value
      throw new DataError(`minimize: the function must return its value, a number, got ${show(value)}`)
    })
    const gradientNorm = kernels.norm(count, parameters.dx)
    return {
      x: x.slice(),
      value: numbers[VALUE],
      gradientNorm,
      converged: gradientNorm <= tolerance && Number.isFinite(numbers[VALUE]),
      iterations: numbers[ITERATIONS],
      evaluations: numbers[EVALUATIONS],
    }
  } finally {
    engine.close()
  }
}

function checkStart(start: ArrayLike<number>): readonly number[] {
  try {
    return numbers('minimize', 'start', start, 'a list of at least one number', (name, value) => {
      if (typeof value === 'number' && Number.isFinite(value)) return value
      throw new DataError(`minimize: ${name} is ${show(value)}; want finite numbers`)
    })
  } catch (error) {
    // It is data, not an option.
    throw error instanceof DataError ? error : new DataError((error as Error).message, { cause: error })
  }
}
