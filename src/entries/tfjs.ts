/**
 * Models of TensorFlow.js: reads them as networks of our layers, and writes ours for it.
 *
 * @module v128/tfjs
 */

export { type FromTfjsOptions, fromTfjs } from '../tfjs/read/read'
export type { TfjsWeights } from '../tfjs/read/file'
export type { Imported } from '../model/imported'
export { type TfjsModel, type ToTfjsOptions, toTfjs } from '../tfjs/write/write'
export type { AnyModel } from '../model/core-of'
