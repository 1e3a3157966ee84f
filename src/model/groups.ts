// Parts of a network that are trained in ways of their own, by the names of their parameters.

import { PlanError, checkOptions, finite, flag, isPlain, quote, show } from '../errors'
import type { Optimizer } from '../optimizers/optimizer'
import type { Parameter } from '../plan/value'
import type { Group, Rule } from '../training/parts'

/** Reads the groups. Throws a PlanError where one says what cannot be. */
export function readGroups(where: string, groups: unknown, optimizer: Optimizer | undefined): readonly Rule[] {
  if (groups === undefined) return []
  if (!isPlain(groups)) {
    throw new PlanError(
      `${where}: groups must be an object from names to { learningRate, weightDecay, frozen }, got ${show(groups)}`,
    )
  }
  return Object.entries(groups).map(([pattern, given]) => {
    const name = `${where}: groups: ${quote(pattern)}`
    const group = checkOptions(name, given as Group, ['learningRate', 'weightDecay', 'frozen'])
    const { learningRate, weightDecay } = group
    if (learningRate !== undefined) finite(name, 'learningRate, a factor,', learningRate, 0)
    if (weightDecay !== undefined) finite(name, 'weightDecay', weightDecay, 0)
    const frozen = group.frozen === undefined ? undefined : flag(name, 'frozen', group.frozen)
    if (frozen && (learningRate !== undefined || weightDecay !== undefined)) {
      throw new PlanError(`${name}: what is frozen has neither a learning rate nor a weight decay`)
    }
    if (weightDecay !== undefined && !optimizer?.decays) {
      throw new PlanError(`${name}: ${optimizer?.kind ?? 'no optimizer'} has no weight decay of its own; adamW has`)
    }
    if (optimizer?.minimize && !frozen) {
      throw new PlanError(`${name}: ${optimizer.kind} looks at all parameters at once; take another optimizer`)
    }
    return { pattern, learningRate, weightDecay, frozen, matches: matcherOf(pattern) }
  })
}

/** Of a parameter, or a layer: what the last groups say that it is of, each of what it speaks of. */
export function ruleOf(groups: readonly Rule[], name: string): Group {
  const rule: Group = {}
  for (const { learningRate, weightDecay, frozen, matches } of groups) {
    if (!matches(name)) continue
    if (learningRate !== undefined) rule.learningRate = learningRate
    if (weightDecay !== undefined) rule.weightDecay = weightDecay
    if (frozen !== undefined) rule.frozen = frozen
  }
  return rule
}

/** Throws a PlanError where a group is of nothing, or would freeze what is no layer. */
export function checkGroups(
  where: string,
  groups: readonly Rule[],
  all: readonly Parameter[],
  shown: () => string,
): void {
  for (const { pattern, matches, frozen } of groups) {
    const own = all.filter(({ name }) => matches(name))
    if (!own.length) {
      throw new PlanError(
        `${where}: groups: no parameter is called ${quote(pattern)}, nor lies in such a layer; there are ${shown()}`,
      )
    }
    const other = own.find(
      (parameter) => parameter.frozen !== frozen && ruleOf(groups, parameter.name).frozen === frozen,
    )
    if (frozen === undefined || !other) continue
    if (!frozen) {
      throw new PlanError(
        `${where}: groups: ${quote(pattern)} is not frozen, but ${quote(other.name)} lies in a layer that is: say it of ` +
          'the whole layer, and take its name out of frozen',
      )
    }
    throw new PlanError(
      `${where}: groups: ${quote(pattern)} is frozen, which is for whole layers, but ${quote(other.name)} is a parameter; ` +
        'with learningRate: 0 it stays as it is',
    )
  }
}

/** A name means itself and all that lies in it; * means any letters, dots too. */
function matcherOf(pattern: string): (name: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.\\+?^${}()|[\]]/g, '\\$&'))
  const whole = new RegExp(`^${parts.join('.*')}(\\..*)?$`)
  return (name) => whole.test(name)
}
