import { PlanError, checkOptions } from '../errors'
import { type Layer, type Step, chain } from '../plan/plan'
import { planBranches } from './children'

/**
 * y = body(x) + shortcut(x) (He et al., 2015); without a shortcut, y = body(x) + x. Parameters are named `body.…` and
 * `shortcut.…`, or as `names` says, where `body` is 'body' unless given and `shortcut` is 'shortcut' unless given; a
 * name of '' adds nothing to the names within.
 *
 *     residual(sequential({ conv1, relu: relu(), conv2 }), conv, { names: { body: '', shortcut: 'downsample' } })
 *     // conv1.weight, conv2.weight, downsample.weight
 */
export function residual(
  body: Layer,
  shortcut?: Layer,
  options: { names?: { body?: string; shortcut?: string } } = {},
): Layer {
  for (const [name, layer] of Object.entries({ body, ...(shortcut && { shortcut }) })) {
    if (typeof layer?.plan !== 'function') throw new PlanError(`residual: ${name} is not a layer, but ${typeof layer}`)
  }
  checkOptions('residual', options, ['names'])
  checkOptions('residual.names', options.names ?? {}, ['body', 'shortcut'])
  const names = { body: 'body', shortcut: 'shortcut', ...options.names }
  for (const name of Object.values(names)) {
    if (typeof name !== 'string' || name.includes('.'))
      throw new PlanError(`residual: '${name}' is no name: it must be text without a dot`)
  }
  return {
    kind: 'residual',
    config: {
      body: { kind: body.kind, config: body.config },
      ...(shortcut && { shortcut: { kind: shortcut.kind, config: shortcut.config } }),
      ...(options.names && { names }),
    },
    plan(x, plan) {
      const children = [[names.body, body] as const, [names.shortcut, shortcut] as const]
      const { outputs, parts } = planBranches(children, x, plan)
      const [a, b] = outputs
      if (a.shape.join() !== b.shape.join()) {
        const given = shortcut ? 'the shortcut gives' : 'without a shortcut, the input is'
        throw plan.error(`the body gives (${a.shape.join(', ')}), but ${given} (${b.shape.join(', ')})`)
      }
      const y = plan.value(a.shape)
      // The gradient of a sum is that of each term.
      plan.shareGradient(a, y)
      plan.shareGradient(b, y)
      plan.addRow('add', y.shape, y.size)
      const sum: Step = {
        y,
        flops: y.size,
        forward(n) {
          plan.kernels.add(n * y.size, a.data, b.data, y.data)
        },
        backward() {},
      }
      return chain(y, [...parts, sum])
    },
  }
}
