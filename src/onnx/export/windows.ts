// Windows of images and sequences by operators that every runtime has for float64 too: ONNX Runtime has no Conv, no
// ConvTranspose and no AveragePool of doubles.

import type { LayerWriter } from './layer'
import type { OnnxValue } from './writer'

/** Along one axis: for each value of a window, and each window, where it lies; beyond the axis: what is filled in. */
export type Places = readonly (readonly number[])[]

/** The places of windows that slide: K lists of O. `begin` is how much of the first lies before the axis. */
export function sliding(outputs: number, kernel: number, stride: number, dilation: number, begin: number): Places {
  return Array.from({ length: kernel }, (_, k) =>
    Array.from({ length: outputs }, (__, o) => o * stride - begin + k * dilation),
  )
}

/** Those of a transposed convolution: of each output, the value that adds the kernel's number k to it. */
export function spreading(outputs: number, kernel: number, stride: number, dilation: number, begin: number): Places {
  return Array.from({ length: kernel }, (_, k) =>
    Array.from({ length: outputs }, (__, o) => {
      const from = o + begin - k * dilation
      return from % stride === 0 ? from / stride : -1
    }),
  )
}

/**
 * (C, S1, S2, ...) to (C, K1, O1, K2, O2, ...), one after the other for each of the axes behind the first. What lies
 * beyond an axis is 0.
 */
export function gathered(layer: LayerWriter, x: OnnxValue, axes: readonly Places[]): OnnxValue {
  const [channels, ...sizes] = x.shape
  const isWithin = (place: number, i: number) => place >= 0 && place < sizes[i]
  const isPadded = axes.map((places, i) => places.some((row) => row.some((place) => !isWithin(place, i))))
  let y = x
  if (isPadded.includes(true)) {
    // One zero at the end of an axis is all that lies beyond it.
    const pads = layer.integers('pads', [0, 0, ...sizes.map(() => 0), 0, 0, ...isPadded.map(Number)])
    const shape = [channels, ...sizes.map((size, i) => size + Number(isPadded[i]))]
    y = layer.node('Pad', [x, pads], shape)
  }
  axes.forEach((places, i) => {
    const indices = places.flatMap((row) => row.map((place) => (isWithin(place, i) ? place : sizes[i])))
    const dims = [places.length, places[0].length]
    const at = 1 + 2 * i
    const shape = [...y.shape.slice(0, at), ...dims, ...y.shape.slice(at + 1)]
    y = layer.node('Gather', [y, layer.integers('places', indices, dims)], shape, { axis: at + 1 })
  })
  return y
}

/**
 * The products of kernels with all windows, of groups: `weight` is (groups, F / groups, C / groups K1 K2 ...), the output
 * (F, O1, O2, ...).
 */
export function multiplied(
  layer: LayerWriter,
  x: OnnxValue,
  axes: readonly Places[],
  weight: OnnxValue,
  outputs: readonly number[],
): OnnxValue {
  const windows = gathered(layer, x, axes)
  const [groups, , inner] = weight.shape
  const kernels = axes.map((_, i) => 1 + 2 * i)
  const order = [0, ...kernels, ...kernels.map((at) => at + 1)]
  const aside = layer.node(
    'Transpose',
    [windows],
    order.map((at) => windows.shape[at]),
    { perm: [0, ...order.map((at) => at + 1)] },
  )
  const columns = layer.reshaped(aside, [groups, inner, outputs.slice(1).reduce((a, b) => a * b, 1)])
  const product = layer.node('MatMul', [weight, columns], [groups, weight.shape[1], columns.shape[2]])
  return layer.reshaped(product, outputs)
}
