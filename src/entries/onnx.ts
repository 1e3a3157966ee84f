/**
 * ONNX files: networks of other libraries as networks of ours, to train further; and models of ours as such files.
 *
 * @module v128/onnx
 */

export type { AnyModel } from '../model/core-of'
export type { Imported } from '../model/imported'
export type { OnnxEmitter, OnnxLayer } from '../onnx/export/layer'
export { type OnnxOptions, toOnnx } from '../onnx/export/to-onnx'
export type { OnnxAttribute, OnnxAttributes, OnnxValue } from '../onnx/export/writer'
export { type FromOnnxOptions, fromOnnx } from '../onnx/from-onnx'
