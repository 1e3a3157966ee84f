import { checkArguments, checkOptions, given } from '../errors'
import { checkLayer } from '../plan/checks'
import type { Layer } from '../plan/layer'
import { checkName } from './children'
import { add } from './joins'
import { type Branch, sideBySide } from './wiring'

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
  const config = {
    body: { kind: body.kind, config: body.config },
    ...(shortcut && { shortcut: { kind: shortcut.kind, config: shortcut.config } }),
    ...(options.names && { names }),
  }
  const branches: Branch[] = [
    { id: 'body', name: names.body, layer: body },
    { id: 'shortcut', name: names.shortcut, layer: shortcut },
  ]
  return sideBySide('residual', config, branches, add())
}
