/**
 * The well-known networks, as functions that return a layer.
 *
 * @module v128/architectures
 */

export { alexNet } from '../architectures/alexnet'
export { googLeNet } from '../architectures/googlenet'
export { type LeNetOptions, lenet5 } from '../architectures/lenet'
export { type MobileNetV1Options, mobileNetV1, mobileNetV2 } from '../architectures/mobilenet'
export {
  type ClassesOptions,
  type KeepOptions,
  type MobileNetOptions,
  type NormOptions,
  type WidthOptions,
} from '../architectures/options'
export { type Scaling, scaling } from '../architectures/scaling'
export { timmNames } from '../architectures/timm'
export {
  type CifarResNetOptions,
  cifarResNet110,
  cifarResNet20,
  cifarResNet32,
  cifarResNet44,
  cifarResNet56,
  resNet18,
  resNet34,
  resNet50,
} from '../architectures/resnet'
export { type VggOptions, vgg11, vgg16 } from '../architectures/vgg'
