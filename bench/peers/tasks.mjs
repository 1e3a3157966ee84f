// Single operations, as tasks for every peer: plain data, which run.mjs hands to the children as JSON, as it does with
// training steps (../networks.mjs).
// N batch, C channels, H x W image, F filters; images of the convolutions are square.

/** The three passes of one convolution. */
function conv(n, c, h, f, kernel, { pad = 0, stride = 1, dilation = 1, groups = 1 } = {}) {
  const oh = Math.floor((h + 2 * pad - dilation * (kernel - 1) - 1) / stride) + 1
  const extra = [
    pad ? ` pad ${pad}` : '',
    stride > 1 ? ` stride ${stride}` : '',
    dilation > 1 ? ` dilation ${dilation}` : '',
    groups > 1 ? ` groups ${groups}` : '',
  ].join('')
  const name = `${n}x${c}x${h}x${h} to ${f}, ${kernel}x${kernel}${extra}`
  const shape = { n, c, h, f, kernel, pad, stride, dilation, groups, oh }
  return ['forward', 'dx', 'dw'].map((pass) => ({ id: `conv ${pass} ${name}`, kind: `conv-${pass}`, ...shape }))
}

const image = { n: 64, c: 16, h: 28 }

export const operations = [
  { id: 'GEMM 512x512x512', kind: 'gemm', size: 512 },
  ...conv(64, 1, 28, 16, 3, { pad: 1 }),
  ...conv(64, 16, 14, 32, 3, { pad: 1 }),
  ...conv(32, 64, 28, 64, 3, { pad: 1 }),
  ...conv(32, 64, 28, 128, 1),
  ...conv(32, 3, 32, 64, 5, { pad: 2 }),
  ...conv(32, 64, 28, 64, 3, { pad: 1, stride: 2 }),
  ...conv(32, 64, 28, 64, 3, { pad: 2, dilation: 2 }),
  ...conv(32, 64, 28, 64, 3, { pad: 1, groups: 64 }),
  { id: 'batch norm forward 64x16x28x28', kind: 'batch-norm-forward', ...image },
  { id: 'batch norm backward 64x16x28x28', kind: 'batch-norm-backward', ...image },
  { id: 'max-pool 2x2 forward 64x16x28x28', kind: 'max-pool-forward', ...image },
  { id: 'max-pool 2x2 backward 64x16x28x28', kind: 'max-pool-backward', ...image },
  { id: 'ReLU forward 64x16x28x28', kind: 'relu-forward', ...image },
  { id: 'ReLU backward 64x16x28x28', kind: 'relu-backward', ...image },
  { id: 'Adam, 1,000,000 parameters', kind: 'adam', count: 1e6 },
  { id: 'softmax cross-entropy 1024x1000, loss and gradient', kind: 'softmax', n: 1024, classes: 1000 },
]

/** Only stride 1, one group and no dilation: what peers without more general gradients are asked. */
export const isPlain = ({ stride, dilation, groups }) => stride === 1 && dilation === 1 && groups === 1
