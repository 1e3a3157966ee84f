// Convolutions and pools, of images and of sequences.

import { poolOutput } from '../../../kernels/conv-geometry'
import { type Border, type CheckedPad, borderOf } from '../../../layers/pads'
import { type Pad1d, imagePad } from '../../../layers/sequence'
import { transpose } from '../../transpose'
import { type At, type Out, type Writer, emit, moved } from '../at'

type Pair = readonly [number, number]

/** How windows lie, as the config of a layer of images has it. */
interface Windows {
  readonly kernel: Pair
  readonly stride: Pair
  readonly pad: CheckedPad
  readonly dilation: Pair
}

/** A layer of sequences as one of images of height 1. */
function asWindows(at: At, axes: 1 | 2): Windows {
  const { kernel, stride, pad, dilation = axes === 1 ? 1 : [1, 1] } = at.config as Record<string, any>
  if (axes === 2) return { kernel, stride, pad, dilation }
  return {
    kernel: [1, kernel],
    stride: [1, stride],
    pad: imagePad(pad as Pad1d, kernel, dilation),
    dilation: [1, dilation],
  }
}

const NONE: Border = [0, 0, 0, 0]
const equal = (a: Border, b: Border) => a.every((side, i) => side === b[i])

/** 'valid' or 'same' of Keras; undefined where the border is another. */
function paddingOf(border: Border, size: Pair, windows: Windows): 'valid' | 'same' | undefined {
  if (equal(border, NONE)) return 'valid'
  return equal(border, borderOf('same', size, windows)) ? 'same' : undefined
}

/** An image with zeros around it. */
function zeros(at: At, x: Out, [top, left, bottom, right]: Border): Out {
  const [c, h, w] = x.shape
  const padding = [
    [top, bottom],
    [left, right],
  ]
  return emit(at, 'ZeroPadding2D', { padding }, moved(at, x), {
    shape: [c, h + top + bottom, w + left + right],
    positive: x.positive ?? false,
  })
}

/** A sequence as an image of height 1, and back. */
function image(at: At, x: Out): Out {
  const [c, t] = x.shape
  return emit(at, 'Reshape', { target_shape: [1, t, c] }, moved(at, x), {
    shape: [c, 1, t],
    positive: x.positive ?? false,
  })
}

function sequence(at: At, x: Out): Out {
  const [c, , t] = x.shape
  return emit(at, 'Reshape', { target_shape: [t, c] }, x, { shape: [c, t], positive: x.positive ?? false })
}

function outputs(size: number, taps: number, stride: number, dilation: number, zeros: number): number {
  return Math.floor((size + zeros - dilation * (taps - 1) - 1) / stride) + 1
}

const conv =
  (axes: 1 | 2): Writer =>
  (at, x) => {
    const { filters, groups, bias } = at.config as { filters: number; groups: number; bias: boolean }
    const windows = asWindows(at, axes)
    const { kernel, stride, dilation, pad } = windows
    const channels = x.shape[0]
    if (groups > 1 && groups !== channels) {
      throw at.fail(
        `has ${groups} groups of ${channels} channels; TensorFlow.js has one group, or one for each channel`,
      )
    }
    if (Math.max(...stride) > 1 && Math.max(...dilation) > 1) {
      throw at.fail('has a stride and a dilation, of which TensorFlow.js computes one or the other')
    }
    const depthwise = groups > 1
    if (depthwise && Math.max(...dilation) > 1) {
      throw at.fail('is depthwise and has a dilation, of which TensorFlow.js takes the output for larger than it is')
    }
    const size: Pair = axes === 1 ? [1, x.shape[1]] : [x.shape[1], x.shape[2]]
    const border = borderOf(pad, size, windows)
    const padding = paddingOf(border, size, windows)
    const plain = axes === 1 && padding !== undefined && !depthwise
    let y = axes === 1 && !plain ? image(at, x) : moved(at, x)
    if (padding === undefined) y = zeros(at, y, border)
    const [oh, ow] = [0, 1].map((i) => outputs(size[i], kernel[i], stride[i], dilation[i], border[i] + border[i + 2]))
    const shape = plain ? [filters, ow] : [filters, oh, ow]
    const along = (both: Pair) => (plain ? [both[1]] : both)
    const settings = {
      kernel_size: along(kernel),
      strides: along(stride),
      padding: padding ?? 'valid',
      dilation_rate: along(dilation),
      data_format: 'channels_last',
      activation: 'linear',
      use_bias: bias,
    }
    const taps = along(kernel)
    const z = emit(
      at,
      depthwise ? 'DepthwiseConv2D' : plain ? 'Conv1D' : 'Conv2D',
      depthwise ? { ...settings, depth_multiplier: filters / channels } : { ...settings, filters },
      y,
      { shape, positive: false },
      (name) => {
        const { data } = at.weight('weight')
        const biases = bias
          ? [{ name: `${name}/bias`, shape: [filters], data: Float32Array.from(at.weight('bias').data) }]
          : []
        const axesOf = taps.map((_, i) => i + 2)
        if (depthwise) {
          const multiplier = filters / channels
          const shape = [...taps, channels, multiplier]
          return [
            {
              name: `${name}/depthwise_kernel`,
              shape,
              data: transpose(data, [channels, multiplier, ...taps], [...axesOf, 0, 1]),
            },
            ...biases,
          ]
        }
        const kernel = transpose(data, [filters, channels, ...taps], [...axesOf, 1, 0])
        return [{ name: `${name}/kernel`, shape: [...taps, channels, filters], data: kernel }, ...biases]
      },
    )
    return axes === 1 && !plain ? sequence(at, z) : z
  }

const convTranspose: Writer = (at, x) => {
  const { filters, groups, bias, kernel, stride, pad, outputPad, dilation } = at.config as {
    filters: number
    groups: number
    bias: boolean
    kernel: Pair
    stride: Pair
    pad: Pair
    outputPad: Pair
    dilation: Pair
  }
  if (groups > 1) throw at.fail(`has ${groups} groups; TensorFlow.js has none here`)
  if (Math.max(...dilation) > 1) throw at.fail('has a dilation, which TensorFlow.js does without here')
  const [channels, ...size] = x.shape
  // All that windows reach, and ours of it.
  const full = size.map((one, i) => one * stride[i] + Math.max(kernel[i] - stride[i], 0))
  const own = size.map((one, i) => (one - 1) * stride[i] - 2 * pad[i] + kernel[i] + outputPad[i])
  const cut = full.map((one, i) => [pad[i], one - pad[i] - own[i]])
  if (cut.some(([, behind]) => behind < 0)) {
    throw at.fail('has more output at the end than a window of TensorFlow.js reaches; lower outputPad')
  }
  const settings = {
    filters,
    kernel_size: kernel,
    strides: stride,
    padding: 'valid',
    data_format: 'channels_last',
    activation: 'linear',
    use_bias: bias,
  }
  const y = emit(
    at,
    'Conv2DTranspose',
    settings,
    moved(at, x),
    { shape: [filters, ...full], positive: false },
    (name) => {
      const weights = transpose(at.weight('weight').data, [channels, filters, ...kernel], [2, 3, 1, 0])
      const biases = bias
        ? [{ name: `${name}/bias`, shape: [filters], data: Float32Array.from(at.weight('bias').data) }]
        : []
      return [{ name: `${name}/kernel`, shape: [...kernel, filters, channels], data: weights }, ...biases]
    },
  )
  if (cut.flat().every((one) => one === 0)) return y
  return emit(at, 'Cropping2D', { cropping: cut }, y, { shape: [filters, ...own] })
}

const pool =
  (kind: 'Max' | 'Average', axes: 1 | 2): Writer =>
  (at, x) => {
    const { ceil, countPad } = at.config as { ceil: boolean; countPad?: boolean }
    const windows = asWindows(at, axes)
    const { kernel, stride, pad, dilation } = windows
    if (Math.max(...dilation) > 1) throw at.fail('has a dilation, which pools of TensorFlow.js do without')
    const size: Pair = axes === 1 ? [1, x.shape[1]] : [x.shape[1], x.shape[2]]
    const told = borderOf(pad, size, windows)
    const count = [0, 1].map((i) =>
      ceil
        ? poolOutput(size[i], kernel[i], stride[i], told[i], true)
        : outputs(size[i], kernel[i], stride[i], 1, told[i] + told[i + 2]),
    )
    // What windows reach; what lies beyond is none of their business.
    const behind = count.map((many, i) => Math.max((many - 1) * stride[i] + kernel[i] - size[i] - told[i], 0))
    const border: Border = [told[0], told[1], behind[0], behind[1]]
    const same = borderOf('same', size, windows)
    let padding: 'valid' | 'same' | undefined
    if (equal(border, NONE)) padding = 'valid'
    else if (equal(border, same) && (kind === 'Max' || countPad === false)) padding = 'same'
    const as = { positive: x.positive ?? false }
    if (axes === 1 && padding !== undefined) {
      const along = { pool_size: [kernel[1]], strides: [stride[1]], padding }
      return emit(at, `${kind}Pooling1D`, along, moved(at, x), { ...as, shape: [x.shape[0], count[1]] })
    }
    let y = axes === 1 ? image(at, x) : moved(at, x)
    if (padding === undefined) {
      const counts = kind === 'Average' && countPad !== false && !ceil
      if (!counts && !(kind === 'Max' && x.positive)) {
        throw at.fail(
          `has a border of ${border.join(', ')} (top, left, bottom, right), where TensorFlow.js has none, or that of 'same', ` +
            `${same.join(', ')}; take pad: 'same'`,
        )
      }
      y = zeros(at, y, border)
    }
    const shape = [x.shape[0], count[0], count[1]]
    const settings = { pool_size: kernel, strides: stride, padding: padding ?? 'valid', data_format: 'channels_last' }
    const z = emit(at, `${kind}Pooling2D`, settings, y, { ...as, shape })
    return axes === 1 ? sequence(at, z) : z
  }

const globalPool =
  (className: string): Writer =>
  (at, x) =>
    emit(at, className, { data_format: 'channels_last' }, moved(at, x), {
      shape: [x.shape[0]],
      moved: false,
      positive: x.positive ?? false,
    })

const zeroPad: Writer = (at, x) => {
  const { pad, ...sides } = at.config as { pad?: CheckedPad } & Record<string, number>
  const border = borderOf(pad ?? (sides as never), [], { kernel: [1, 1], stride: [1, 1], dilation: [1, 1] })
  return zeros(at, x, border)
}

const upsample: Writer = (at, x) => {
  const { scale, mode } = at.config as { scale: Pair; mode: string }
  if (mode !== 'nearest') {
    throw at.fail(
      "is bilinear, for which TensorFlow.js takes other places between pixels than Keras and PyTorch; take 'nearest'",
    )
  }
  const [c, h, w] = x.shape
  const shape = [c, h * scale[0], w * scale[1]]
  return emit(
    at,
    'UpSampling2D',
    { size: scale, interpolation: 'nearest', data_format: 'channels_last' },
    moved(at, x),
    { shape, positive: x.positive ?? false },
  )
}

export const WINDOWS: Readonly<Record<string, Writer>> = {
  conv1d: conv(1),
  conv2d: conv(2),
  convTranspose2d: convTranspose,
  maxPool1d: pool('Max', 1),
  maxPool2d: pool('Max', 2),
  avgPool1d: pool('Average', 1),
  avgPool2d: pool('Average', 2),
  globalAvgPool2d: globalPool('GlobalAveragePooling2D'),
  globalMaxPool2d: globalPool('GlobalMaxPooling2D'),
  zeroPad2d: zeroPad,
  upsample2d: upsample,
}
