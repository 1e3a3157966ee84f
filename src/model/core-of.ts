// From what people hold in their hands to the data behind it.

import { PlanError, checkNoPromise, show } from '../errors'
import type { DType } from '../tensor'
import { type Core, needOpen } from '../training/core'
import type { Model } from './model'

/** Any model, whatever it can, and whatever its inputs and outputs are called. */
export type AnyModel = Pick<Model<never>, 'parameters' | 'gradients' | 'dtype'>

const cores = /* @__PURE__ */ new WeakMap<object, Core>()

/** Says that this is the data of that model. */
export function keepCore(model: object, core: Core): void {
  cores.set(model, core)
}

/** The data of a model, for what works on it from outside: gradient check, statistics, babysitting, ensembles. */
export function coreOf(where: string, model: AnyModel): Core {
  checkNoPromise(where, 'the model', model, 'createModel(...)')
  const core = typeof model === 'object' && model !== null ? cores.get(model) : undefined
  if (!core) throw new PlanError(`${where}: wants a model of createModel, got ${show(model)}`)
  return open(where, core)
}

/** The core, unless its model was closed: then a PlanError. */
export function open<D extends DType>(where: string, core: Core<D>): Core<D> {
  needOpen(where, core)
  return core
}
