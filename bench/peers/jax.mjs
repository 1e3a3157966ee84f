// jax-js on its WebAssembly device; jit-compiled. It counts references: an array handed to a function is used up,
// `.ref` keeps it.

import { readFileSync } from 'node:fs'
import { keepLosses, mnistParameters, serve } from './child.mjs'
import { isPlain } from './tasks.mjs'
import { labels, product, values } from './values.mjs'

serve(async ({ dtype }) => {
  // It would start worker threads where there is such a global: none, to be on one thread like everybody here.
  delete globalThis.Worker
  const jax = await import('@jax-js/jax')
  const { numpy: np, lax, nn, jit, grad } = jax
  await jax.init('wasm')
  jax.defaultDevice('wasm')

  const array = (shape, data = values(product(shape))) => np.array(data).astype(np[dtype]).reshape(shape)

  /** A call of a compiled function on the same arrays each time, until its results are there. */
  async function compiled(f, ...args) {
    const run = jit(f)
    await jax.blockUntilReady(args)
    return async () => {
      const result = run(...args.map((arg) => arg.ref))
      await jax.blockUntilReady(result)
      jax.tree.dispose(result)
    }
  }

  const conv = (x, w, b, pad) => {
    const border = [pad, pad]
    return lax.convGeneralDilated(x, w, [1, 1], [border, border]).add(b.reshape([b.shape[0], 1, 1]))
  }
  function convolution({ n, c, h, f, kernel, pad, oh }) {
    const [x, w, b, dy] = [[n, c, h, h], [f, c, kernel, kernel], [f], [n, f, oh, oh]].map((shape) => array(shape))
    return { x, w, b, dy, pad }
  }
  /** Over all axes but the channels; returns y and the batch's mean and variance. */
  function batchNorm(x, gamma, beta) {
    const perChannel = [1, x.shape[1], 1, 1]
    const mean = np.mean(x.ref, [0, 2, 3], { keepdims: true })
    const centered = x.sub(mean)
    const variance = np.mean(np.square(centered.ref), [0, 2, 3], { keepdims: true })
    const scale = gamma.reshape(perChannel).div(np.sqrt(variance.add(1e-5)))
    return centered.mul(scale).add(beta.reshape(perChannel))
  }
  function maxPool(x) {
    const [n, c, h, w] = x.shape
    return np.max(x.reshape([n, c, h / 2, 2, w / 2, 2]), [3, 5])
  }
  const crossEntropy = (scores, hot) => nn.logSoftmax(scores).mul(hot).sum().div(-hot.shape[0])
  const oneHot = (n, classes) => {
    const data = new Float32Array(n * classes)
    labels(n, classes).forEach((label, i) => (data[i * classes + label] = 1))
    return array([n, classes], data)
  }
  const image = ({ n, c, h }) => array([n, c, h, h])

  /** Parameters and moments after a step; the corrections are 1 - beta^t. */
  function adam(p, g, m, v, correction1, correction2) {
    const first = m.mul(0.9).add(g.ref.mul(0.1))
    const second = v.mul(0.999).add(np.square(g).mul(0.001))
    const root = np.sqrt(second.ref.div(correction2)).add(1e-8)
    return [p.sub(first.ref.div(correction1).div(root).mul(1e-3)), first, second]
  }

  async function mnist({ batch }) {
    const parameters = Object.entries(mnistParameters())
    const names = parameters.map(([name]) => name)
    let state = { p: {}, m: {}, v: {} }
    for (const [name, [shape, data]] of parameters) {
      state.p[name] = array(shape, data)
      state.m[name] = array(shape, new Float32Array(data.length))
      state.v[name] = array(shape, new Float32Array(data.length))
    }
    const block = (input, p, c, b) => {
      const y = conv(input, p[`${c}.weight`], p[`${c}.bias`], 1)
      return maxPool(nn.relu(batchNorm(y, p[`${b}.weight`], p[`${b}.bias`])))
    }
    const loss = (p, x, hot) => {
      const features = block(block(x, p, 0, 1), p, 4, 5).reshape([batch, 1568])
      const scores = np.matmul(features, p['9.weight'].transpose()).add(p['9.bias'])
      return crossEntropy(scores, hot)
    }
    const step = jit(({ p, m, v }, x, hot, correction1, correction2) => {
      const [value, gradient] = jax.valueAndGrad(loss)(jax.tree.ref(p), x, hot)
      const next = { p: {}, m: {}, v: {} }
      for (const name of names) {
        const updated = adam(p[name], gradient[name], m[name], v[name], correction1.ref, correction2.ref)
        ;[next.p[name], next.m[name], next.v[name]] = updated
      }
      correction1.dispose()
      correction2.dispose()
      return [value, next]
    })
    const x = array([batch, 1, 28, 28])
    const hot = oneHot(batch, 10)
    let t = 0
    return keepLosses(async () => {
      t++
      const [c1, c2] = [1 - 0.9 ** t, 1 - 0.999 ** t].map((value) => array([], Float32Array.of(value)))
      const [value, next] = step(state, x.ref, hot.ref, c1, c2)
      await jax.blockUntilReady(next)
      state = next
      return (await value.data())[0]
    })
  }

  return {
    version: JSON.parse(readFileSync(new URL('node_modules/@jax-js/jax/package.json', import.meta.url))).version,
    notes: { mnist: 'without running statistics of batch norm' },
    tasks: {
      gemm: ({ size }) => compiled(np.matmul, array([size, size]), array([size, size])),
      'conv-forward': (task) => {
        if (!isPlain(task)) return undefined
        const { x, w, b, pad } = convolution(task)
        return compiled((x, w, b) => conv(x, w, b, pad), x, w, b)
      },
      'conv-dx': (task) => {
        if (!isPlain(task)) return undefined
        const { x, w, b, dy, pad } = convolution(task)
        const total = (x, w, b, dy) => conv(x, w, b, pad).mul(dy).sum()
        return compiled(grad(total), x, w, b, dy)
      },
      'conv-dw': (task) => {
        if (!isPlain(task)) return undefined
        const { x, w, b, dy, pad } = convolution(task)
        const total = (x, w, b, dy) => conv(x, w, b, pad).mul(dy).sum()
        return compiled(grad(total, { argnums: [1, 2] }), x, w, b, dy)
      },
      'batch-norm-forward': (task) => compiled(batchNorm, image(task), array([task.c]), array([task.c])),
      'max-pool-forward': (task) => compiled(maxPool, image(task)),
      'relu-forward': (task) => compiled(nn.relu, image(task)),
      'relu-backward': (task) => compiled((dy, x) => np.where(np.greater(x, 0), dy, 0), image(task), image(task)),
      adam: ({ count }) => {
        const [p, g, m, v] = [1, 1, 1, 0].map((scale) => array([count], values(count, Float32Array, scale)))
        const corrections = [0.1, 0.001].map((value) => array([], Float32Array.of(value)))
        return compiled(adam, p, g, m, v, ...corrections)
      },
      softmax: ({ n, classes }) => compiled(jax.valueAndGrad(crossEntropy), array([n, classes]), oneHot(n, classes)),
      mnist,
    },
  }
})
