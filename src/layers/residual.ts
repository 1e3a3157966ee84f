import { checkArguments, checkOptions, few, given } from '../errors'
import { times } from '../plan/calls'
import { checkLayer } from '../plan/checks'
import type { Layer } from '../plan/layer'
import { checkName, planBranches } from './children'

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
  checkArguments('residual', arguments, 3, 'residual(sequential(a, b)) has a body of several')
  checkLayer('residual', 'body', body)
  shortcut = given(shortcut)
  if (shortcut !== undefined) checkLayer('residual', 'shortcut', shortcut)
  options = checkOptions('residual', options, ['names'])
  const told = checkOptions('residual.names', options.names ?? {}, ['body', 'shortcut'])
  const names = { body: 'body', shortcut: 'shortcut', ...told }
  for (const name of Object.values(names)) checkName('residual', name)
  return {
    kind: 'residual',
    config: {
      body: { kind: body.kind, config: body.config },
      ...(shortcut && { shortcut: { kind: shortcut.kind, config: shortcut.config } }),
      ...(options.names && { names }),
    },
    children: [[names.body, body] as const, ...(shortcut ? [[names.shortcut, shortcut] as const] : [])],
    plan(x, plan) {
      const children = [[names.body, body] as const, [names.shortcut, shortcut] as const]
      const [a, b] = planBranches(children, x, plan)
      if (a.shape.join() !== b.shape.join()) {
        const given = shortcut ? 'the shortcut gives' : 'without a shortcut, the input is'
        throw plan.error(`the body gives (${few(a.shape)}), but ${given} (${few(b.shape)})`)
      }
      const y = plan.value(a.shape)
      // The gradient of a sum is that of each term.
      plan.shareGradient(a, y)
      plan.shareGradient(b, y)
      plan.forward('add', { sizes: [times(y.size)], reads: [a, b], writes: [y], flops: y.size })
      plan.addRow('add', y.shape)
      return y
    },
  }
}
