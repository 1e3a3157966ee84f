import { PlanError } from '../errors'
import type { Layer } from '../plan'

/**
 * y = body(x) + shortcut(x) (He et al., 2015); without a shortcut, y = body(x) + x. Parameters are named `body.…` and
 * `shortcut.…`.
 */
export function residual(body: Layer, shortcut?: Layer): Layer {
  for (const [name, layer] of Object.entries({ body, ...(shortcut && { shortcut }) })) {
    if (typeof layer?.plan !== 'function') throw new PlanError(`residual: ${name} is not a layer, but ${typeof layer}`)
  }
  return {
    kind: 'residual',
    config: {
      body: { kind: body.kind, config: body.config },
      ...(shortcut && { shortcut: { kind: shortcut.kind, config: shortcut.config } }),
    },
    plan(x, plan) {
      // A value has one reader, so each branch gets a gradient of its own, and dx is their sum.
      const bodyX = plan.branch(x)
      const shortcutX = plan.branch(x)
      const bodyStep = plan.child('body', body, bodyX)
      const shortcutStep = shortcut && plan.child('shortcut', shortcut, shortcutX)
      const a = bodyStep.y
      const b = shortcutStep ? shortcutStep.y : shortcutX
      if (a.shape.join() !== b.shape.join()) {
        const given = shortcut ? 'the shortcut gives' : 'without a shortcut, the input is'
        throw plan.error(`the body gives (${a.shape.join(', ')}), but ${given} (${b.shape.join(', ')})`)
      }
      plan.tick()
      plan.use(a)
      plan.use(b)
      const y = plan.value(a.shape)
      // The gradient of a sum is that of each term.
      plan.shareGradient(a, y)
      plan.shareGradient(b, y)
      plan.addRow('add', y.shape, y.size)
      return {
        y,
        flops: bodyStep.flops + (shortcutStep?.flops ?? 0) + y.size,
        forward(n, training) {
          bodyStep.forward(n, training)
          shortcutStep?.forward(n, training)
          plan.kernels.add(n * y.size, a.data, b.data, y.data)
        },
        backward(n) {
          shortcutStep?.backward(n)
          bodyStep.backward(n)
          if (plan.wants(x)) plan.kernels.add(n * x.size, bodyX.gradient, shortcutX.gradient, x.gradient)
        },
      }
    },
  }
}
