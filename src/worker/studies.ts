// The studies that a page can ask of a model in a worker; loaded when the first is asked for.

import { lookInside } from '../study/inside'
import { activationStatistics } from '../study/statistics'

/** By their names; each with the model before what the page gives. */
export const studies: Readonly<Record<string, (...args: any[]) => unknown>> = {
  activationStatistics,
  async babysit(...args) {
    // Far larger than the others.
    const { babysit } = await import('../study/babysit')
    // A function cannot be posted.
    const { toString: _, ...report } = (babysit as (...args: unknown[]) => ReturnType<typeof babysit>)(...args)
    return report
  },
  lookInside,
}
