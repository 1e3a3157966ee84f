/**
 * ONNX files: networks of other libraries as networks of ours, to train further.
 *
 * @module v128/onnx
 */

export type { AnyModel } from '../model/core-of'
export type { Imported } from '../model/imported'
export { type FromOnnxOptions, fromOnnx } from '../onnx/from-onnx'
