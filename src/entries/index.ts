/**
 * v128: layers, losses, optimizers, models and what trains them. Runs wherever JavaScript runs.
 *
 * @module v128
 */

export type { Ability } from '../model/abilities'
export {
  type ActivationStatistics,
  type Histogram,
  type Statistics,
  type StatisticsOptions,
  activationStatistics,
} from '../study/statistics'
export type { DType, Floats, Tensor } from '../tensor'
export { type Babysitting, type Check, type WeightStatistics, babysit } from '../study/babysit'
export { type Data, type Inputs, type Labels, type Numbers, type Targets, type TypedNumbers } from '../data/batches'
export type { ByName, PerOutput, Tensors } from '../data/named'
export { type DataSplit, splitData } from '../data/split'
export type { WasmSource, WasmSources } from '../engine/engine'
export { type Ensemble, type Predictor, ensemble } from '../study/ensembles'
export { type AveragedWeights, type Weights, averageWeights, snapshot } from '../study/weights'
export { DataError, FileError, PlanError } from '../errors'
export type { AsyncBatches, Batches } from '../data/stream'
export type { EvaluateOptions, Evaluation, Measures } from '../training/evaluate'
export type {
  Divergence,
  EpochResult,
  History,
  OutputHistory,
  OutputResult,
  Progress,
  RunHistory,
} from '../training/history'
export type { Callback, Callbacks, Checkpoints, EarlyStopping, FitOptions, Monitor, Resume } from '../training/options'
export { type Coordinate, type GradientCheck, gradientCheck } from '../study/gradient-check'
export { type Initializer, constant, he, normal, orthogonal, xavier, zeros } from '../initializers'
export {
  type Metadata,
  type StoredTensor,
  decodeSafetensors,
  encodeSafetensors,
  readMetadata,
  readSafetensors,
} from '../io/safetensors'
export { attention } from '../layers/attention'
export { avgPool1d } from '../layers/avg-pool1d'
export { avgPool2d } from '../layers/avg-pool2d'
export { type BatchNormOptions, batchNorm } from '../layers/batch-norm'
export { concat } from '../layers/concat'
export { type ConvTranspose2dOptions, convTranspose2d } from '../layers/conv-transpose2d'
export { type Conv1dOptions, conv1d } from '../layers/conv1d'
export { type Conv2dOptions, conv2d } from '../layers/conv2d'
export type { FilterOptions } from '../layers/convolution'
export { dense } from '../layers/dense'
export { dropout } from '../layers/dropout'
export { elu } from '../layers/elu'
export { embedding } from '../layers/embedding'
export { flatten } from '../layers/flatten'
export { freeze } from '../layers/freeze'
export { gelu } from '../layers/gelu'
export { globalAvgPool2d } from '../layers/global-avg-pool2d'
export { globalMaxPool2d } from '../layers/global-max-pool2d'
export { groupNorm } from '../layers/group-norm'
export { gru } from '../layers/gru'
export { hardSigmoid } from '../layers/hard-sigmoid'
export { hardSwish } from '../layers/hard-swish'
export { type GraphOf, type Handle, type InputNames, type OutputNames, type Use, graph } from '../layers/graph'
export { add, multiply } from '../layers/joins'
export { layerNorm } from '../layers/layer-norm'
export { leakyRelu } from '../layers/leaky-relu'
export { lstm } from '../layers/lstm'
export { maxPool1d } from '../layers/max-pool1d'
export { type MaxPoolOptions, maxPool2d } from '../layers/max-pool2d'
export { maxout } from '../layers/maxout'
export { mean } from '../layers/mean'
export { type NormalizeOptions, normalize } from '../layers/normalize'
export { padChannels } from '../layers/pad-channels'
export type { Pad2d, Sides } from '../layers/pads'
export { permute } from '../layers/permute'
export type { Pool1dOptions } from '../layers/pool1d'
export { type PoolOptions } from '../layers/pool2d'
export { positions } from '../layers/positions'
export { prelu } from '../layers/prelu'
export type { RecurrentOptions } from '../layers/recurrent'
export { relu } from '../layers/relu'
export { repeat } from '../layers/repeat'
export { reshape } from '../layers/reshape'
export { residual } from '../layers/residual'
export { rnn } from '../layers/rnn'
export { selu } from '../layers/selu'
export type { Pad1d } from '../layers/sequence'
export { sequential } from '../layers/sequential'
export { sigmoid } from '../layers/sigmoid'
export { silu } from '../layers/silu'
export { softmax } from '../layers/softmax'
export { softplus } from '../layers/softplus'
export { take } from '../layers/take'
export { tanh } from '../layers/tanh'
export { upsample2d } from '../layers/upsample2d'
export { zeroPad2d } from '../layers/zero-pad2d'
export {
  type LossOptions,
  type SoftmaxOptions,
  binaryCrossEntropy,
  hinge,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  softmaxCrossEntropy,
} from '../losses'
export { type CustomLossOptions, type LossFunction, customLoss } from '../custom-loss'
export { type ClassificationReport, classificationReport } from '../metrics'
export { type BinaryReport, type RegressionReport, binaryReport, regressionReport } from '../reports'
export type { Group } from '../training/parts'
export { type Inside, type InsideOptions, type LayerInside, lookInside } from '../study/inside'
export type { LayerFactory } from '../model/registry'
export type { Beside, ExampleWeights, Lengths } from '../data/beside'
export type { ForwardOptions, PredictOptions } from '../training/pass'
export type { InputShape, Losses, ModelOptions } from '../model/options'
export { createModel } from '../model/create'
export { headless } from '../model/headless'
export type { Imported } from '../model/imported'
export { type LoadModelOptions, loadModel, readModel } from '../model/load-model'
export { type Description, describe } from '../model/describe'
export { type Features, features } from '../model/features'
export type { Model } from '../model/model'
export { type TransferOptions, transfer } from '../model/transfer'
export type { LoadOptions, LoadResult } from '../model/weights'
export { type AdagradOptions, adagrad } from '../optimizers/adagrad'
export { type AdamOptions, adam, adamW } from '../optimizers/adam'
export { type LbfgsOptions, lbfgs } from '../optimizers/lbfgs'
export { type Minimum, minimize } from '../optimizers/minimize'
export { momentum } from '../optimizers/momentum'
export { nesterov } from '../optimizers/nesterov'
export { type Optimizer, type Parameters, type WithRate } from '../optimizers/optimizer'
export { type RmspropOptions, rmsprop } from '../optimizers/rmsprop'
export { sgd } from '../optimizers/sgd'
export type { CallOptions, Count, Divisor, Routine, Size } from '../plan/calls'
export { N, SCRATCH, TRAINING, WEIGHT, times } from '../plan/calls'
export type { Regions } from '../plan/layout'
export type { Plan } from '../plan/plan'
export type { Ahead, Layer, Loss, LossPlan, Network, Row, Wiring } from '../plan/layer'
export type { Block, Buffer, Ids, Parameter, ParameterOptions, Part, Place, Reference, Value } from '../plan/value'
export { type PlateauOptions, reduceOnPlateau } from '../plateau'
export { type Random, createRandom } from '../random'
export {
  type Ending,
  type Measure,
  type OneCycleOptions,
  type Schedule,
  type Timed,
  cosineDecay,
  cosineRestarts,
  exponentialDecay,
  inverseSqrtDecay,
  linearDecay,
  oneCycle,
  polynomialDecay,
  stepDecay,
  timeDecay,
  warmup,
} from '../schedules'
