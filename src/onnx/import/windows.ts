// Convolutions and pools: of images (N, C, H, W), and of sequences (N, C, T) as images of height 1.

import { few } from '../../errors'
import { ceilDivide } from '../../kernels/blocking'
import { avgPool1d } from '../../layers/avg-pool1d'
import { avgPool2d } from '../../layers/avg-pool2d'
import { conv1d } from '../../layers/conv1d'
import { conv2d } from '../../layers/conv2d'
import { convTranspose2d } from '../../layers/conv-transpose2d'
import { globalAvgPool2d } from '../../layers/global-avg-pool2d'
import { globalMaxPool2d } from '../../layers/global-max-pool2d'
import { maxPool1d } from '../../layers/max-pool1d'
import { maxPool2d } from '../../layers/max-pool2d'
import type { Pad2d } from '../../layers/pads'
import { take } from '../../layers/take'
import { upsample2d } from '../../layers/upsample2d'
import { zeroPad2d } from '../../layers/zero-pad2d'
import type { Layer } from '../../plan/layer'
import { type Tensor, product } from '../../tensor'
import { scaleWeights } from './arithmetic'
import type { Active } from './builder'
import type { Converter, Op } from './op'

type Pair = [number, number]
type Sides = [top: number, left: number, bottom: number, right: number]

/** How windows slide, as pairs; sequences have a height of 1. */
interface Windows {
  readonly isSequence: boolean
  readonly image: readonly [channels: number, height: number, width: number]
  readonly kernel: Pair
  readonly stride: Pair
  readonly dilation: Pair
  readonly pads: Sides
}

/** What the attributes of a node say of its windows. */
function windowsOf(op: Op, x: Active, shape: readonly number[] | undefined): Windows {
  const example = op.example(x, [2, 3], 'images (N, C, H, W) or sequences (N, C, T)')
  if (x.batch) throw op.fail('its batch is no longer the first axis')
  const isSequence = example.length === 2
  const pairOf = (name: string, missing: number, given = op.ints(name)): Pair => {
    const list = given ?? (isSequence ? [missing] : [missing, missing])
    if (list.length !== example.length - 1) throw op.fail(`${name} has ${list.length} numbers`)
    return isSequence ? [1, list[0]] : [list[0], list[1]]
  }
  const kernel = pairOf('kernel_shape', 1, op.ints('kernel_shape') ?? shape?.slice(2))
  const stride = pairOf('strides', 1)
  const dilation = pairOf('dilations', 1)
  const [c, h, w] = isSequence ? [example[0], 1, example[1]] : example
  const auto = op.text('auto_pad', 'NOTSET')
  const list = op.ints('pads') ?? []
  let pads: Sides = [0, 0, 0, 0]
  if (auto.startsWith('SAME')) {
    const totals = [h, w].map((size, axis) =>
      Math.max((ceilDivide(size, stride[axis]) - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 - size, 0),
    )
    const before = totals.map((total) => (auto === 'SAME_LOWER' ? Math.ceil(total / 2) : Math.floor(total / 2)))
    pads = [before[0], before[1], totals[0] - before[0], totals[1] - before[1]]
  } else if (list.length) {
    if (list.length !== 2 * (example.length - 1)) throw op.fail(`pads has ${list.length} numbers`)
    pads = isSequence ? [0, list[0], 0, list[1]] : [list[0], list[1], list[2], list[3]]
  }
  return { isSequence, image: [c, h, w], kernel, stride, dilation, pads }
}

function padOf([top, left, bottom, right]: Sides): Pad2d {
  if (top !== bottom || left !== right) return { top, left, bottom, right }
  return top === left ? top : [top, left]
}

/** One number where both are alike. */
function both([a, b]: Pair): number | Pair {
  return a === b ? a : [a, b]
}

/** How many windows there are along an axis. */
function windowsAlong({ image, kernel, stride, dilation, pads }: Windows, axis: 0 | 1, ceil = false): number {
  const size = image[axis + 1] + pads[axis] + pads[axis + 2] - dilation[axis] * (kernel[axis] - 1) - 1
  if (size < 0) return 0
  if (!ceil) return Math.floor(size / stride[axis]) + 1
  const count = Math.ceil(size / stride[axis]) + 1
  // No window begins behind the image.
  return (count - 1) * stride[axis] >= image[axis + 1] + pads[axis] ? count - 1 : count
}

function checkOutput(op: Op, sizes: readonly number[]): void {
  if (sizes.every((size) => size >= 1)) return
  throw op.fail(`its windows do not fit: the output would be (${few(sizes)})`)
}

/** The weights of a convolution, whose bias may come later. */
function weightsOf(op: Op, shape: readonly number[]): Record<string, Tensor> {
  const weight = op.constant(1, 'the weights').read()
  const weights: Record<string, Tensor> = { weight: { shape, data: weight } }
  if (op.inputs[2]) {
    const { dims, read } = op.constant(2, 'the bias')
    weights.bias = { shape: dims, data: read() }
  }
  return weights
}

const convolution: Converter = (op) => {
  const x = op.active(0)
  const { dims } = op.constant(1, 'the weights')
  const windows = windowsOf(op, x, dims)
  const { isSequence, image, kernel, stride, dilation, pads } = windows
  const groups = op.int('group', 1)
  const [filters] = dims
  if (dims.length !== (isSequence ? 3 : 4) || dims[1] * groups !== image[0] || filters % groups) {
    throw op.fail(`weights of (${few(dims)}) in ${groups} groups do not fit ${image[0]} channels`)
  }
  if (kernel.join() !== (isSequence ? [1, dims[2]] : dims.slice(2)).join()) {
    throw op.fail(`a kernel of ${kernel.join('x')}, but weights of (${few(dims)})`)
  }
  const [oh, ow] = [windowsAlong(windows, 0), windowsAlong(windows, 1)]
  checkOutput(op, [filters, oh, ow])
  // The layer of sequences has as many zeros at both ends.
  const isConv1d = isSequence && pads[1] === pads[3]
  const weights = weightsOf(op, isSequence && !isConv1d ? [filters, dims[1], ...kernel] : dims)
  if (weights.bias && weights.bias.data.length !== filters) throw op.fail(`a bias of (${few(weights.bias.shape)})`)
  const per = product(dims) / filters
  const apply = (scale: readonly number[], shift: readonly number[]) => {
    scaleWeights(weights, filters, scale, shift, (i) => Math.floor(i / per))
    return true
  }
  const more = { hint: op.hint(1), weights, fold: { axis: 'first', size: filters, apply } as const }
  const options = () => ({ groups, bias: weights.bias !== undefined })
  if (isConv1d) {
    const along = { kernel: kernel[1], stride: stride[1], pad: pads[1], dilation: dilation[1] }
    const make = () => conv1d(filters, { ...along, ...options() })
    return op.gives(op.builder.as(x, [image[0], image[2]]), [filters, ow], make, more)
  }
  const pad = op.text('auto_pad', '') === 'SAME_UPPER' ? 'same' : padOf(pads)
  const make = () =>
    conv2d(filters, { kernel: both(kernel), stride: both(stride), pad, dilation: both(dilation), ...options() })
  const example = isSequence ? [filters, ow] : [filters, oh, ow]
  return op.gives(op.builder.as(x, image), [filters, oh, ow], make, { ...more, example })
}

const transposedConvolution: Converter = (op) => {
  const x = op.active(0)
  const { dims } = op.constant(1, 'the weights')
  const windows = windowsOf(op, x, dims)
  const { isSequence, image, kernel, stride, dilation } = windows
  const groups = op.int('group', 1)
  if (dims.length !== (isSequence ? 3 : 4) || dims[0] !== image[0] || image[0] % groups) {
    throw op.fail(`weights of (${few(dims)}) in ${groups} groups do not fit ${image[0]} channels`)
  }
  const filters = dims[1] * groups
  const extra = op.ints('output_padding') ?? []
  const outputPad: Pair = isSequence ? [0, extra[0] ?? 0] : [extra[0] ?? 0, extra[1] ?? 0]
  const full = (axis: 0 | 1) =>
    (image[axis + 1] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 + outputPad[axis]
  let pads = windows.pads
  const wanted = op.ints('output_shape')
  const auto = op.text('auto_pad', 'NOTSET')
  if (wanted || auto.startsWith('SAME')) {
    const sizes = wanted ? wanted.slice(isSequence ? -1 : -2) : undefined
    const totals = ([0, 1] as const).map((axis) => {
      if (isSequence && !axis) return 0
      const size = sizes ? sizes[isSequence ? 0 : axis] : image[axis + 1] * stride[axis]
      return full(axis) - size
    })
    if (totals.some((total) => !(total >= 0))) throw op.fail('its output is larger than its windows reach')
    const before = totals.map((total) => (auto === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2)))
    pads = [before[0], before[1], totals[0] - before[0], totals[1] - before[1]]
  }
  // The layer cuts off as much on both sides; what one side has more is cut off behind it.
  const pad: Pair = [Math.min(pads[0], pads[2]), Math.min(pads[1], pads[3])]
  const [oh, ow] = ([0, 1] as const).map((axis) => full(axis) - 2 * pad[axis])
  const cut: Sides = [pads[0] - pad[0], pads[1] - pad[1], pads[2] - pad[0], pads[3] - pad[1]]
  checkOutput(op, [filters, oh - cut[0] - cut[2], ow - cut[1] - cut[3]])
  const weights = weightsOf(op, [dims[0], dims[1], ...kernel])
  if (weights.bias && weights.bias.data.length !== filters) throw op.fail(`a bias of (${few(weights.bias.shape)})`)
  const taps = kernel[0] * kernel[1]
  const share = dims[0] / groups
  const apply = (scale: readonly number[], shift: readonly number[]) => {
    const filterOf = (i: number) => {
      const channel = Math.floor(i / (taps * dims[1]))
      return Math.floor(channel / share) * dims[1] + (Math.floor(i / taps) % dims[1])
    }
    scaleWeights(weights, filters, scale, shift, filterOf)
    return true
  }
  const make = () =>
    convTranspose2d(filters, {
      kernel: both(kernel),
      stride: both(stride),
      pad: both(pad),
      outputPad: both(outputPad),
      dilation: both(dilation),
      groups,
      bias: weights.bias !== undefined,
    })
  const more = { hint: op.hint(1), weights, fold: { axis: 'first', size: filters, apply } as const }
  const made = op.gives(op.builder.as(x, image), [filters, oh, ow], make, {
    ...more,
    ...(isSequence && { example: [filters, ow] }),
  })
  return cropped(op, made, cut, isSequence)
}

/** An image without what is cut off at each side. */
function cropped(op: Op, x: Active, [top, left, bottom, right]: Sides, isSequence: boolean): Active {
  if (!(top || left || bottom || right)) return x
  const [c, h, w] = x.stored
  let now = x
  const along = (axis: 1 | 2, from: number, to: number, size: number) => {
    if (!from && to === size) return
    const stored = now.stored.with(axis, to - from)
    now = op.gives(now, stored, () => take({ axis, from, to }), {
      hint: 'crop',
      ...(isSequence && { example: [c, stored[2]] }),
    })
  }
  along(1, top, h - bottom, h)
  along(2, left, w - right, w)
  return now
}

const pool =
  (isMax: boolean): Converter =>
  (op) => {
    const x = op.active(0)
    if (op.node.output?.[1]) throw op.fail('the places of its maxima are read, which no layer gives')
    if (!op.has('kernel_shape')) throw op.fail('it has no kernel_shape')
    const windows = windowsOf(op, x, undefined)
    const { isSequence, image, kernel, stride, dilation, pads } = windows
    if (!isMax && dilation[0] * dilation[1] > 1) throw op.fail('no layer takes the mean of windows with gaps')
    const counts = op.int('count_include_pad', 0) === 1
    const ceil = op.int('ceil_mode', 0) === 1
    const [oh, ow] = [windowsAlong(windows, 0, ceil), windowsAlong(windows, 1, ceil)]
    checkOutput(op, [image[0], oh, ow])
    const isEven = pads[0] === pads[2] && pads[1] === pads[3]
    const reach = (axis: 0 | 1) => dilation[axis] * (kernel[axis] - 1) + 1
    const isSmall = isEven && 2 * pads[0] <= reach(0) && 2 * pads[1] <= reach(1)
    let from = op.builder.as(x, image)
    let options: { pad?: Pad2d; ceil?: boolean } = { pad: padOf(pads), ...(ceil && { ceil }) }
    if (!isSmall) {
      // Sides by name have no `ceil`: they reach as far as the last window. What is not counted may be there.
      const behind = ([0, 1] as const).map((axis) => {
        const end = ([oh, ow][axis] - 1) * stride[axis] + reach(axis) - pads[axis] - image[axis + 1]
        return Math.max(ceil ? end : pads[axis + 2], 0)
      })
      if (ceil && counts && !isMax)
        throw op.fail('no layer takes the mean of such windows, with zeros that count on some')
      if (counts && !isMax) {
        from = op.gives(from, paddedShape(image, pads), () => zeroPad2d(sidesOf(pads)), { hint: 'pad' })
        options = {}
      } else options = { pad: sidesOf([pads[0], pads[1], behind[0], behind[1]]) }
    }
    if (isSequence && isSmall) {
      const along = { stride: stride[1], pad: pads[1], ceil }
      const make = () =>
        isMax
          ? maxPool1d(kernel[1], { ...along, dilation: dilation[1] })
          : avgPool1d(kernel[1], { ...along, countPad: counts })
      return op.gives(op.builder.as(x, [image[0], image[2]]), [image[0], ow], make)
    }
    const shared = { stride: both(stride), ...options }
    const make = () =>
      isMax
        ? maxPool2d(both(kernel), { ...shared, dilation: both(dilation) })
        : avgPool2d(both(kernel), { ...shared, countPad: counts })
    return op.gives(from, [image[0], oh, ow], make, isSequence ? { example: [image[0], ow] } : {})
  }

const sidesOf = ([top, left, bottom, right]: Sides) => ({ top, left, bottom, right })

function paddedShape([c, h, w]: readonly number[], [top, left, bottom, right]: Sides): number[] {
  return [c, top + h + bottom, left + w + right]
}

const global =
  (make: () => Layer): Converter =>
  (op) => {
    const x = op.active(0)
    const [c, ...sizes] = op.example(x, [2, 3, 4], 'images (N, C, H, W) or sequences (N, C, T)')
    if (x.batch) throw op.fail('its batch is no longer the first axis')
    const from = x.stored.length === 3 && x.stored[0] === c ? x : op.builder.as(x, [c, 1, product(sizes)])
    return op.gives(from, [c], make, { example: [c, ...sizes.map(() => 1)] })
  }

const resize: Converter = (op) => {
  const x = op.active(0)
  const example = op.example(x, [2, 3], 'images (N, C, H, W)')
  if (x.batch) throw op.fail('its batch is no longer the first axis')
  const [first, second] = op.opset < 11 ? [1, -1] : [2, 3]
  const given = (input: number, name: string) => {
    const list = op.inputs[input] && op.limited(op.constant(input, name), name)
    return list?.length ? list : undefined
  }
  const sizes = second > 0 ? given(second, 'sizes') : undefined
  const scales =
    given(first, 'scales') ?? op.floats('scales') ?? sizes?.map((size, axis) => (axis ? size / x.shape[axis] : 1))
  if (scales?.length !== x.shape.length) throw op.fail('it lacks its scales')
  const [, channels, ...along] = scales
  if (scales[0] !== 1 || channels !== 1 || along.some((scale) => !Number.isInteger(scale) || scale < 1)) {
    throw op.fail(`images become whole numbers of times as large here, not (${few(scales)}) times`)
  }
  const isSequence = example.length === 2
  const scale: Pair = isSequence ? [1, along[0]] : [along[0], along[1]]
  const mode = op.text('mode', 'nearest')
  const coordinates = op.text('coordinate_transformation_mode', op.opset < 11 ? 'asymmetric' : 'half_pixel')
  if (mode === 'nearest') checkNearest(op, scale, coordinates)
  else if (mode !== 'linear' || !coordinates.endsWith('half_pixel')) {
    throw op.fail(`no layer resizes by ${mode} with ${coordinates}; nearest, and linear with half_pixel, there are`)
  }
  const [c, h, w] = isSequence ? [example[0], 1, example[1]] : example
  const stored = [c, h * scale[0], w * scale[1]]
  const make = () => upsample2d({ scale: both(scale), mode: mode === 'nearest' ? 'nearest' : 'bilinear' })
  return op.gives(op.builder.as(x, [c, h, w]), stored, make, isSequence ? { example: [c, stored[2]] } : {})
}

/** Throws unless each value becomes a block of its own. */
function checkNearest(op: Op, scales: Pair, coordinates: string): void {
  const rounding = op.text('nearest_mode', op.opset < 11 ? 'floor' : 'round_prefer_floor')
  const round: Record<string, (x: number) => number> = {
    floor: Math.floor,
    ceil: Math.ceil,
    round_prefer_floor: (x) => Math.ceil(x - 0.5),
    round_prefer_ceil: (x) => Math.floor(x + 0.5),
  }
  const place: Record<string, (i: number, scale: number) => number> = {
    asymmetric: (i, scale) => i / scale,
    half_pixel: (i, scale) => (i + 0.5) / scale - 0.5,
    pytorch_half_pixel: (i, scale) => (i + 0.5) / scale - 0.5,
  }
  const [to, from] = [round[rounding], place[coordinates]]
  for (const scale of scales) {
    for (let i = 0; i < Math.min(scale, 1000) && scale > 1; i++) {
      // Of the second value, which has neighbours on both sides.
      if (to && from && to(from(scale + i, scale)) === 1) continue
      throw op.fail(`no layer takes the nearest value by ${coordinates} and ${rounding}`)
    }
  }
}

/** By operator. */
export const WINDOWS: Readonly<Record<string, Converter>> = {
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  MaxPool: pool(true),
  AveragePool: pool(false),
  GlobalAveragePool: global(globalAvgPool2d),
  GlobalMaxPool: global(globalMaxPool2d),
  Resize: resize,
  Upsample: resize,
}
