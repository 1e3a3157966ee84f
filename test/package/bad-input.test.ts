// Everything that can be handed in wrong: which error it gives, what the message says, and that the model is as before.
import { createModel } from '../../src/model/create'
import type { Layer } from '../../src/plan/layer'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as v128 from '../../src/entries/index'
import { DataError, FileError, type Model, PlanError, createRandom } from '../../src/entries/index'
import { errorOf } from '../support/mistakes'

type ErrorClass = typeof PlanError | typeof DataError | typeof FileError

// As JavaScript sees the library: no types that keep mistakes out.
const untyped = v128 as unknown as Record<string, (...args: unknown[]) => never>
const { adam, batchNorm, concat, constant, conv2d, cosineDecay, dense, gradientCheck, maxPool2d } = untyped
const { meanSquaredError, momentum, normal, normalize, padChannels, residual, sequential, sgd, softmaxCrossEntropy } =
  untyped
const { avgPool2d, binaryCrossEntropy, dropout, gelu, groupNorm, hinge, prelu, layerNorm, leakyRelu, maxout } = untyped
const { conv1d, convTranspose2d, mean, permute, repeat, reshape, take, upsample2d, zeroPad2d } = untyped
const { globalAvgPool2d, relu, tanh } = v128

function expectError(error: unknown, type: ErrorClass, message: RegExp): void {
  expect(error).toBeInstanceOf(type)
  expect((error as Error).name).toBe(type.name)
  expect((error as Error).message).toMatch(message)
}

const image = [3, 8, 8]
const plan = (network: unknown, input: unknown, options: object = {}) =>
  createModel(network as Layer, { input, batch: 2, ...options } as never)
const create = (options: object) => plan(dense(3), [4], options)

const plans: [name: string, action: () => unknown, message: RegExp][] = [
  // Shapes that do not fit.
  ['dense on an image', () => plan(sequential(dense(3)), image), /^sequential\.0 dense: .*\(3, 8, 8\); put flatten/],
  ['dense alone on an image', () => plan(dense(3), image), /^dense: wants a vector, got .*\(3, 8, 8\)/],
  [
    'conv1d on a vector',
    () => plan(conv1d(4, { kernel: 3 }), [9]),
    /^conv1d: wants sequences \(C, T\), channels first, got an input of shape \(9\); one channel of 9 steps has an input of \[1, 9\]$/,
  ],
  [
    'convTranspose2d, all cut off',
    () => plan(convTranspose2d(4, { kernel: 2, pad: 3 }), [1, 2, 2]),
    /^convTranspose2d: the output would be .*a pad of 3x3 cuts off all of it; lower it$/,
  ],
  [
    'reshape that does not fit',
    () => plan(reshape([2, -1]), [3, 3]),
    /^reshape: examples of shape \(3, 3\) have 9 numbers, which do not make up \(2, -1\)$/,
  ],
  [
    'permute of too few',
    () => plan(permute([1, 0]), [3, 3, 3]),
    /^permute: order has 2 axes, but examples have shape \(3, 3, 3\)$/,
  ],
  [
    'take beyond the end',
    () => plan(take({ axis: 1, from: 4 }), [3, 3]),
    /^take: there is nothing from 4 to 3 along axis 1 of examples of shape \(3, 3\)$/,
  ],
  [
    'mean over an axis that is not',
    () => plan(mean({ axis: 2 }), [3, 3]),
    /^mean: there is no axis 2 in examples of shape \(3, 3\); the batch is not counted$/,
  ],
  ['conv2d on a vector', () => plan(conv2d(4, { kernel: 3 }), [9]), /^conv2d: wants images \(C, H, W\), got .*\(9\)/],
  ['maxPool2d on a vector', () => plan(sequential(relu(), maxPool2d(2)), [9]), /^sequential\.1 maxPool2d: wants image/],
  ['avgPool2d on a vector', () => plan(sequential(avgPool2d(2)), [9]), /^sequential\.0 avgPool2d: wants image/],
  [
    'groups that do not divide',
    () => plan(sequential(groupNorm(4)), image),
    /^sequential\.0 groupNorm: 4 groups do not divide the 3 channels of the input; take a divisor of 3/,
  ],
  ['globalAvgPool2d on a vector', () => plan(globalAvgPool2d(), [9]), /^globalAvgPool2d: wants images/],
  [
    'groups that do not divide the channels',
    () => plan(conv2d(4, { kernel: 3, groups: 2 }), image),
    /^conv2d: 2 groups do not divide 3 ch/,
  ],
  [
    'groups that do not divide the filters',
    () => plan(conv2d(4, { kernel: 3, groups: 3 }), image),
    /3 groups do not divide .* and 4 filters/,
  ],
  [
    'a kernel larger than the image',
    () => plan(sequential(relu(), relu(), relu(), conv2d(4, { kernel: 5 })), [1, 3, 3]),
    /^sequential\.3 conv2d: kernel 5x5 does not fit a 3x3 input with pad 0$/,
  ],
  [
    'a kernel too wide for the padded image',
    () => plan(conv2d(4, { kernel: [1, 7], pad: [0, 1] }), [1, 3, 4]),
    / 1x7 .* 3x4 input with pad 0x1$/,
  ],
  [
    'a dilated kernel',
    () => plan(conv2d(4, { kernel: 3, dilation: 2 }), [1, 4, 4]),
    /kernel 3x3 with dilation 2 does not fit/,
  ],
  ['a window larger than the image', () => plan(maxPool2d(4), [1, 3, 3]), /^maxPool2d: kernel 4x4 does not fit a 3x3/],
  [
    'a layer deep inside',
    () => plan(sequential(relu(), residual(sequential(conv2d(3, { kernel: 9 })))), image),
    /^sequential\.1\.body\.0 conv2d: kernel 9x9 does not fit a 8x8 input with pad 0$/,
  ],
  [
    'a layer deep inside, with names',
    () => plan(sequential({ stem: relu(), block: residual(relu(), sequential({ a: dense(2) })) }), image),
    /^sequential\.block\.shortcut\.a dense: wants a vector/,
  ],
  [
    'residual whose body changes the shape',
    () => plan(residual(conv2d(4, { kernel: 1 })), image),
    /^residual add: 'body' gives \(4, 8, 8\), but 'the input' gives \(3, 8, 8\); they must be of one shape/,
  ],
  [
    'residual whose branches differ',
    () => plan(residual(dense(2), dense(3)), [4]),
    /^residual add: 'body' gives \(2\), but 'shortcut' gives \(3\)/,
  ],
  ['concat of nothing', () => concat({}), /^concat: wants one branch at least/],
  ['concat of a number', () => concat(relu(), 7), /^concat: 1 is not a layer, but number/],
  [
    'concat of other sizes',
    () => plan(concat({ a: relu(), b: conv2d(4, { kernel: 3 }) }), image),
    /^concat: 'a' gives \(3, 8, 8\), but 'b' gives \(4, 6, 6\); .* all but the first, the channels$/,
  ],
  [
    'concat of an image and a vector',
    () => plan(sequential(concat(globalAvgPool2d(), relu())), image),
    /^sequential\.0 concat: '0' gives \(3\), but '1' gives \(3, 8, 8\)/,
  ],
  ['padChannels, negative', () => padChannels({ after: -1 }), /^padChannels: after must be .* at least 0, got -1/],
  ['padChannels, an unknown option', () => padChannels({ left: 1 }), /^padChannels: unknown option 'left'/],
  ['residual, an unknown name', () => residual(relu(), relu(), { names: { x: 'a' } }), /unknown option 'x'/],
  ['residual, a name with a dot', () => residual(relu(), relu(), { names: { body: 'a.b' } }), /'a\.b' is no name/],
  [
    'normalize for other channels',
    () => plan(normalize({ mean: [1, 2], std: 1 }), image),
    /^normalize: mean has 2 .* input has 3 channels/,
  ],
  [
    'an image as scores, of a layer that cannot be last: the shape comes first',
    () => plan(relu(), image, { loss: softmaxCrossEntropy() }),
    /^softmax\w+: .*\(3, 8, 8\); .*flatten/,
  ],
  [
    'an image as scores',
    () => plan(tanh(), image, { loss: softmaxCrossEntropy() }),
    /^softmax\w+: .*\(3, 8, 8\); .*flatten/,
  ],

  // What is no layer.
  ['a number as network', () => plan(3, [4]), /^createModel: network is not a layer, but number/],
  ['an array as network', () => plan([dense(3)], [4]), /not a layer, but an array; sequential\(...\) makes one/],
  ['no network', () => plan(undefined, [4]), /^createModel: network is not a layer/],
  [
    'a layer not called',
    () => plan(relu, [4]),
    /^createModel: network is not a layer, but function; call it: relu\(\)$/,
  ],
  ['a number in sequential', () => sequential(dense(3), 7), /^sequential: 1 is not a layer, but number/],
  [
    'a function in sequential',
    () => sequential(dense(3), relu),
    /^sequential: 1 is not a layer, but function; call it: relu\(\)$/,
  ],
  ['a function alone in sequential', () => sequential(relu), /got function; call it: relu\(\)$/],
  ['a function without a name', () => sequential(dense(3), [() => 1][0]), /but function; call it: \(\)$/],
  [
    'a hole in sequential',
    () => sequential(Object.assign([dense(4)], { 2: dense(3) })),
    /^sequential: 1 is not a layer, but undefined/,
  ],
  [
    'a number as key, which comes first',
    () => sequential({ first: dense(4), 2: relu(), 1: dense(3) }),
    /^sequential: JavaScript moves the key '1', a number, before the others; give names with letters, or sequential\(a, b/,
  ],
  ['a number as key in concat', () => concat({ a: relu(), 0: relu() }), /^concat: JavaScript moves the key '0'/],
  ['null in sequential', () => sequential(dense(3), null), /^sequential: 1 is not a layer/],
  ['a non-layer with a name', () => sequential({ head: 'dense' }), /^sequential: head is not a layer, but string/],
  ['a name with a dot', () => sequential({ 'a.b': relu() }), /^sequential: 'a\.b' is no name/],
  [
    'a name taken twice',
    () =>
      plan(sequential({ '': dense(3), a: residual(dense(3), dense(3), { names: { body: '', shortcut: '' } }) }), [4]),
    /^sequential\.a dense: 'a\.weight' is the name of another parameter or buffer already/,
  ],
  ['sequential of null', () => sequential(null), /^sequential: wants layers/],
  ['sequential of text', () => sequential('dense'), /^sequential: wants layers, .* got string/],
  ['residual of nothing', () => residual(), /^residual: body is not a layer, but undefined/],
  ['a shortcut that is no layer', () => residual(relu(), 'x'), /^residual: shortcut is not a layer, but string/],

  // Values of options.
  ['conv2d without options', () => conv2d(4), /^conv2d: options must be an object with kernel/],
  ['conv2d without kernel', () => conv2d(4, {}), /^conv2d: kernel must be an integer of at least 1, got undefined/],
  ['conv2d, options not an object', () => conv2d(4, 3), /^conv2d: options must be an object/],
  ['conv2d, fractional filters', () => conv2d(1.5, { kernel: 3 }), /^conv2d: filters must be an integer .* got 1\.5/],
  ['conv2d, no filters', () => conv2d(0, { kernel: 3 }), /^conv2d: filters must be an integer of at least 1, got 0/],
  ['conv2d, filters as text', () => conv2d('4', { kernel: 3 }), /^conv2d: filters must be an integer .* got "4"/],
  ['conv2d, kernel of three', () => conv2d(4, { kernel: [3, 3, 3] }), /^conv2d: kernel must be one or two integers/],
  ['conv2d, kernel 0', () => conv2d(4, { kernel: [3, 0] }), /^conv2d: kernel must be an integer of at least 1, got 0/],
  ['conv2d, negative pad', () => conv2d(4, { kernel: 3, pad: -1 }), /^conv2d: pad must be .* at least 0, got -1/],
  ['conv2d, stride 0', () => conv2d(4, { kernel: 3, stride: 0 }), /^conv2d: stride must be .* at least 1, got 0/],
  ['conv2d, dilation 0', () => conv2d(4, { kernel: 3, dilation: 0 }), /^conv2d: dilation must be .* got 0/],
  ['conv2d, groups 0', () => conv2d(4, { kernel: 3, groups: 0 }), /^conv2d: groups must be .* got 0/],
  ['conv2d, NaN', () => conv2d(4, { kernel: NaN }), /^conv2d: kernel must be .* got NaN/],
  ['conv2d, bias as text', () => conv2d(4, { kernel: 3, bias: 'no' }), /^conv2d: bias must be/],
  ['conv2d, no initializer', () => plan(conv2d(4, { kernel: 3, init: 'he' }), image), /conv2d: init must be/],
  ['dense without units', () => dense(), /^dense: units must be an integer of at least 1, got undefined/],
  ['dense, infinite units', () => dense(Infinity), /^dense: units must be .* got Infinity/],
  ['dense, options null', () => dense(3, null), /^dense: options must be an object/],
  ['dense, bias as text', () => dense(3, { bias: 'no' }), /^dense: bias must be/],
  ['dense, no initializer', () => plan(dense(3, { init: 'he' }), [4]), /dense: init must be/],
  ['batchNorm, momentum 1.1', () => batchNorm({ momentum: 1.1 }), /^batchNorm: momentum must be .* 0 to 1, got 1\.1/],
  ['batchNorm, epsilon -1', () => batchNorm({ epsilon: -1 }), /^batchNorm: epsilon must be .* at least 0, got -1/],
  ['batchNorm, runningVar', () => batchNorm({ runningVar: true }), /^batchNorm: runningVar must be 'biased', 'un/],
  ['groupNorm, 0 groups', () => groupNorm(0), /^groupNorm: groups must be an integer of at least 1, got 0/],
  ['groupNorm, epsilon', () => groupNorm(2, { epsilon: -1 }), /^groupNorm: epsilon must be .* at least 0, got -1/],
  ['layerNorm, epsilon', () => layerNorm({ epsilon: '1' }), /^layerNorm: epsilon must be a finite .*, got "1"/],
  ['normalize without options', () => normalize(), /^normalize: options must be an object with mean, std/],
  ['normalize without std', () => normalize({ mean: 1 }), /^normalize: std must be a finite number/],
  ['normalize, std 0', () => normalize({ mean: 1, std: [1, 0] }), /^normalize: std must be above 0, got 1, 0/],
  ['normalize, NaN', () => normalize({ mean: [NaN], std: 1 }), /^normalize: mean must be a finite number/],
  ['normalize, no numbers', () => normalize({ mean: [], std: 1 }), /^normalize: mean must be a finite number/],
  ['maxPool2d without kernel', () => maxPool2d(), /^maxPool2d: kernel must be .* got undefined/],
  ['relu, max 0', () => untyped.relu({ max: 0 }), /^relu: max must be a finite number above 0, got 0$/],
  [
    "gelu, approximate 'erf'",
    () => gelu({ approximate: 'erf' }),
    /^gelu: approximate must be 'none', 'tanh', got "erf"$/,
  ],
  ["conv2d, pad 'valid'", () => conv2d(2, { kernel: 3, pad: 'valid' }), /^conv2d: pad must be .*, got "valid"$/],
  [
    'conv2d, an unknown side',
    () => conv2d(2, { kernel: 3, pad: { up: 1 } }),
    /^conv2d: pad: unknown option 'up'; allowed: /,
  ],
  [
    'conv2d, pad.top -1',
    () => conv2d(2, { kernel: 3, pad: { top: -1 } }),
    /^conv2d: pad\.top must be .* at least 0, got -1$/,
  ],
  [
    'maxPool2d, a pad of the kernel',
    () => maxPool2d(2, { pad: { left: 2 } }),
    /^maxPool2d: pad must be less than the kernel 2x2, got 0x2$/,
  ],
  [
    "maxPool2d, ceil with 'same'",
    () => maxPool2d(2, { pad: 'same', ceil: true }),
    /^maxPool2d: ceil goes with a pad of one or two numbers/,
  ],
  [
    'maxPool2d, pad beyond half',
    () => maxPool2d(3, { pad: 2 }),
    /^maxPool2d: pad must be at most half of the kernel 3x3, got 2x2$/,
  ],
  ['maxPool2d, dilation 0', () => maxPool2d(3, { dilation: 0 }), /^maxPool2d: dilation must be .* at least 1, got 0$/],
  ['avgPool2d, dilation', () => avgPool2d(3, { dilation: 2 }), /^avgPool2d: unknown option 'dilation'/],
  ["zeroPad2d, 'same'", () => zeroPad2d('same'), /^zeroPad2d: 'same' is for windows; give numbers$/],
  ['upsample2d, scale 1.5', () => upsample2d({ scale: 1.5 }), /^upsample2d: scale must be .*, got 1\.5$/],
  [
    "upsample2d, mode 'cubic'",
    () => upsample2d({ mode: 'cubic' }),
    /^upsample2d: mode must be 'nearest', 'bilinear', got "cubic"$/,
  ],
  [
    'convTranspose2d, outputPad of the stride',
    () => convTranspose2d(2, { kernel: 3, outputPad: 1 }),
    /^convTranspose2d: outputPad must be less than the stride or the dilation, at most 0, got 1$/,
  ],
  [
    "conv1d, pad 'valid'",
    () => conv1d(2, { kernel: 3, pad: 'valid' }),
    /^conv1d: pad must be an integer, 'same' or 'causal', got "valid"$/,
  ],
  ['conv1d, a kernel of two', () => conv1d(2, { kernel: [1, 3] }), /^conv1d: kernel must be an integer/],
  [
    'reshape, two of -1',
    () => reshape([-1, -1]),
    /^reshape: shape must have sizes of at least 1, one of which may be -1, got \(-1, -1\)$/,
  ],
  ['reshape, nothing', () => reshape([]), /^reshape: shape must /],
  [
    'permute, an axis twice',
    () => permute([0, 0]),
    /^permute: order must have each of the axes 0, 1, \.\.\. once, got \[0, 0\]$/,
  ],
  ['take, nothing', () => take({ from: 2, to: 2 }), /^take: to must be more than from, got 2 and 2$/],
  ['repeat, 0 times', () => repeat(0), /^repeat: times must be .* at least 1, got 0$/],
  ['mean, axis 0.5', () => mean({ axis: 0.5 }), /^mean: axis must be an integer/],
  ['prelu, alpha NaN', () => prelu({ alpha: NaN }), /^prelu: alpha must be a finite number, got NaN$/],
  ['prelu, shared 1', () => prelu({ shared: 1 }), /^prelu: shared must be true or false, got 1$/],
  ['leakyRelu, alpha -1', () => leakyRelu({ alpha: -1 }), /^leakyRelu: alpha must be .* at least 0, got -1$/],
  ['maxout, 1 piece', () => maxout({ pieces: 1 }), /^maxout: pieces must be an integer of at least 2, got 1$/],
  ['maxout of features', () => plan(maxout({ pieces: 3 }), [4]), /^maxout: 3 pieces do not divide 4 features$/],
  ['maxout of channels', () => plan(maxout({ pieces: 2 }), image), /^maxout: 2 pieces do not divide 3 channels$/],
  ['dropout, keep 0', () => dropout({ keep: 0 }), /^dropout: keep, the probability to keep .* at most 1, got 0$/],
  ['dropout, keep 80 %', () => dropout({ keep: 80 }), /^dropout: keep, .* got 80$/],
  ['dropout, keep NaN', () => dropout({ keep: NaN }), /^dropout: keep, .* got NaN$/],
  ['dropout, other mode', () => dropout({ mode: 'spatial' }), /^dropout: mode must be 'inverted', 'vanilla', got/],
  ['maxPool2d, wide pad', () => maxPool2d(2, { pad: 2 }), /^maxPool2d: pad must be at most half of the kernel 2x2/],
  ['maxPool2d, ceil 1', () => maxPool2d(2, { ceil: 1 }), /^maxPool2d: ceil must be true or false, got 1/],
  ['avgPool2d without kernel', () => avgPool2d(), /^avgPool2d: kernel must be .* got undefined/],
  ['avgPool2d, options null', () => avgPool2d(2, null), /^avgPool2d: options must be an object with stride, pad, ceil/],
  ['avgPool2d, wide pad', () => avgPool2d(3, { pad: 2 }), /^avgPool2d: pad must be at most half of the kernel 3x3/],
  ['avgPool2d, countPad', () => avgPool2d(2, { countPad: 'no' }), /^avgPool2d: countPad must be .* got "no"/],
  ['maxPool2d, stride 1.5', () => maxPool2d(2, { stride: 1.5 }), /^maxPool2d: stride must be .* got 1\.5/],
  ['normal, negative', () => normal(-1), /^normal: std must be .* got -1/],
  ['constant, NaN', () => constant(NaN), /^constant: value must be a finite number, got NaN/],
  ['sgd without options', () => sgd(), /^sgd: options must be an object with learningRate/],
  ['sgd without rate', () => sgd({}), /^sgd: learningRate must be a number of at least 0 or a schedule, got undefined/],
  ['sgd, NaN', () => sgd({ learningRate: NaN }), /^sgd: learningRate must be .* got NaN/],
  ['sgd, negative', () => sgd({ learningRate: -1 }), /^sgd: learningRate must be .* got -1/],
  ['sgd, text', () => sgd({ learningRate: '1e-3' }), /^sgd: learningRate must be .* got "1e-3"/],
  ['momentum, infinite', () => momentum({ learningRate: Infinity }), /^momentum: learningRate must be .* got Infinity/],
  ['momentum, rho 2', () => momentum({ learningRate: 1, rho: 2 }), /^momentum: rho must be .* from 0 to 1, got 2/],
  ['momentum, average as text', () => momentum({ learningRate: 1, average: 'no' }), /^momentum: average must be/],
  ['adam without rate', () => adam({ beta1: 0.9 }), /^adam: learningRate must be/],
  ['adam, beta1 -0.1', () => adam({ learningRate: 1, beta1: -0.1 }), /^adam: beta1 must be .* got -0\.1/],
  // 1 - βᵗ would be 0, and every parameter NaN after one step.
  ['adam, beta1 1', () => adam({ learningRate: 1, beta1: 1 }), /^adam: beta1 must be .* got 1/],
  ['adam, beta2 1', () => adam({ learningRate: 1, beta2: 1 }), /^adam: beta2 must be .* got 1/],
  ['adam, epsilon NaN', () => adam({ learningRate: 1, epsilon: NaN }), /^adam: epsilon must be .* got NaN/],
  ['cosineDecay without initial', () => cosineDecay({}), /^cosineDecay: initial must be .* got undefined/],
  ['cosineDecay, total 0', () => cosineDecay({ initial: 1, total: 0 }), /^cosineDecay: total must be .* got 0/],
  ['cosineDecay, per', () => cosineDecay({ initial: 1, per: 'day' }), /^cosineDecay: per must be 'epoch', 'step', got/],
  ['no options', () => createModel(relu(), undefined as never), /^createModel: options must be an object/],
  ['no input', () => plan(relu(), undefined), /^createModel: input must be the shape of one example/],
  ['a number as input', () => plan(relu(), 4), /^createModel: input must be the shape/],
  ['an empty input', () => plan(relu(), []), /^createModel: input must be the shape/],
  ['input 0', () => plan(relu(), [3, 0]), /^createModel: every size in input must be .* got 0/],
  ['batch 0', () => create({ batch: 0 }), /^createModel: batch must be .* at least 1, got 0/],
  ['seed -1', () => create({ seed: -1 }), /^createModel: seed must be .* at least 0, got -1/],
  ['seed 0.5', () => create({ seed: 0.5 }), /^createModel: seed must be .* got 0\.5/],
  ['l2 -1', () => create({ l2: -1 }), /^createModel: l2 must be .* got -1/],
  ['l1 Infinity', () => create({ l1: Infinity }), /^createModel: l1 must be .* got Infinity/],
  ['maxNorm -1', () => create({ maxNorm: -1 }), /^createModel: maxNorm must be .* got -1/],
  ['clipValue as text', () => create({ clipValue: '1' }), /^createModel: clipValue must be .* got "1"/],
  ['clipNorm NaN', () => create({ clipNorm: NaN }), /^createModel: clipNorm must be .* got NaN/],
  ["dtype 'float16'", () => create({ dtype: 'float16' }), /^createModel: dtype must be 'float64', 'float32', got/],
  ["backend 'gpu'", () => create({ backend: 'gpu' }), /^createModel: backend must be 'auto', 'wasm', 'js', got "gpu"/],
  ["inference 'no'", () => create({ inference: 'no' }), /^createModel: inference must be/],
  ['optimizer as text', () => create({ optimizer: 'adam' }), /^createModel: optimizer must be one such as/],
  ['an optimizer not called', () => create({ optimizer: adam }), /^createModel: optimizer must be one such as/],
  ['loss as text', () => create({ loss: 'mse' }), /^createModel: loss must be one such as/],
  ['a loss not called', () => create({ loss: meanSquaredError }), /^createModel: loss must be one such as/],

  // Memory.
  [
    'activations of more than 4 GiB',
    () => plan(conv2d(64, { kernel: 3, pad: 1 }), [3, 1024, 1024], { batch: 64 }),
    /needs 6\d\.\d\d GiB \(activations 6\d\.\d\d GiB\), more than the 4 GiB .* smaller batch \(now 64\) or dtype: 'float32'/,
  ],
  [
    'more than 4 GiB in float32, where float32 is no advice',
    () => plan(relu(), [2 ** 20], { batch: 4096, dtype: 'float32' }),
    /needs \d+\.\d\d GiB .* take a smaller batch \(now 4096\)$/,
  ],
  ['a batch out of this world', () => create({ batch: 2 ** 50 }), /more than any memory holds/],
]

test.each(plans)('%s is a PlanError', async (_, action, message) => {
  expectError(await errorOf(action), PlanError, message)
})

const unknown = { bogus: 1 }
const withUnknown: [name: string, action: (model: Model) => unknown][] = [
  ['createModel', () => create(unknown)],
  ['conv2d', () => conv2d(3, { kernel: 3, ...unknown })],
  ['dense', () => dense(3, unknown)],
  ['batchNorm', () => batchNorm(unknown)],
  ['normalize', () => normalize({ mean: 0, std: 1, ...unknown })],
  ['dropout', () => dropout(unknown)],
  ['groupNorm', () => groupNorm(2, unknown)],
  ['layerNorm', () => layerNorm(unknown)],
  ['relu', () => untyped.relu(unknown)],
  ['leakyRelu', () => leakyRelu(unknown)],
  ['maxout', () => maxout({ pieces: 2, ...unknown })],
  ['maxPool2d', () => maxPool2d(2, unknown)],
  ['avgPool2d', () => avgPool2d(2, unknown)],
  ['softmaxCrossEntropy', () => softmaxCrossEntropy(unknown)],
  ['hinge', () => hinge(unknown)],
  ['sgd', () => sgd({ learningRate: 1, ...unknown })],
  ['momentum', () => momentum({ learningRate: 1, ...unknown })],
  ['adam', () => adam({ learningRate: 1, ...unknown })],
  ['cosineDecay', () => cosineDecay({ initial: 1, ...unknown })],
  ['fit', (model) => model.fit({ x, y }, unknown as never)],
  ['evaluate', (model) => model.evaluate({ x, y }, unknown as never)],
  ['forward', (model) => model.forward(x, unknown as never)],
  ['gradientCheck', (model) => gradientCheck(model, x, y, unknown)],
]

test.each(withUnknown)('%s knows no option that it does not list', async (name, action) => {
  const model = await classifier()
  const before = bits(model)
  expectError(
    await errorOf(() => action(model)),
    PlanError,
    new RegExp(`^${name}: unknown option 'bogus'; allowed: \\w`),
  )
  expect(bits(model)).toBe(before)
})

// ---- what a model refuses ----

const rows = 4
const random = createRandom(7)
const x = Float64Array.from({ length: rows * 4 }, random.normal)
const y = [0, 1, 2, 1]
const targets = Float64Array.from({ length: rows * 3 }, random.normal)
const chances = Array.from({ length: rows * 3 }, random.uniform)
const network = () => sequential(dense(4), batchNorm(), relu(), dense(3))
const settings = { input: [4], batch: rows, seed: 1 }
const optimizer = () => adam({ learningRate: 0.01 })

const classifier = (options: object = {}) =>
  createModel(network(), { ...settings, loss: softmaxCrossEntropy(), optimizer: optimizer(), ...options })
const binary = () => createModel(network(), { ...settings, loss: binaryCrossEntropy(), optimizer: optimizer() })
const regressor = () => createModel(network(), { ...settings, loss: meanSquaredError(), optimizer: optimizer() })
const lossless = () => classifier({ loss: undefined })
const still = () => classifier({ optimizer: undefined })
const inference = () => classifier({ inference: true })
const decaying = () => classifier({ optimizer: sgd({ learningRate: cosineDecay({ initial: 0.1 }) }) })

/** `values` as numbers, with others at some places. */
const having = (values: ArrayLike<number>, at: number, value: unknown) =>
  Array.from(values, (v, i) => (i === at ? value : v)) as number[]
/** Without the last value. */
const short = (values: ArrayLike<number>) => Array.from(values).slice(0, -1)
const twice = (values: ArrayLike<number>) => [...Array.from(values), ...Array.from(values)]
const valid = { x, y }
const validate = (m: Model, validation: unknown) => m.fit(valid, { validation } as never)
const nested = [[1], [2], [3], [4]] as never

type Refusal = [name: string, make: () => Promise<Model>, action: (model: Model) => unknown, message: RegExp]

const badData: Refusal[] = [
  // Lengths.
  ['forward, short x', classifier, (m) => m.forward(short(x)), /^x: .*rows of 4 numbers.* got 15 .* 3 rows and 3/],
  ['forward, no rows', classifier, (m) => m.forward([]), /^x: want rows of 4 numbers .* got 0 numbers/],
  ['forward, no array', classifier, (m) => m.forward(4 as never), /^x: want a typed array .* got 4/],
  ['forward, nothing', classifier, (m) => m.forward(undefined as never), /^x: want .* got undefined/],
  ['predict, short x', classifier, (m) => m.predict(short(x)), /^x: .* got 15 numbers/],
  ['predict, null', classifier, (m) => m.predict(null as never), /^x: want a typed array .* got null/],
  ['trainStep, short x', classifier, (m) => m.trainStep(short(x), y), /^x: .* got 15 numbers/],
  ['trainStep, few labels', classifier, (m) => m.trainStep(x, [0, 1, 2]), /^y: 3 labels for 4 rows of x/],
  ['trainStep, many labels', classifier, (m) => m.trainStep(x, [...y, 0]), /^y: 5 labels for 4 rows of x/],
  ['trainStep, no labels', classifier, (m) => m.trainStep(x, undefined as never), /^y: want labels, got undefined/],
  ['trainStep, few targets', regressor, (m) => m.trainStep(x, short(targets)), /^y: want rows of 3 numbers .* got 11/],
  ['backward, short dy', classifier, (m) => m.backward(short(targets)), /^dy: want rows of 3 numbers .* got 11/],
  ['backward, fewer rows', classifier, (m) => m.backward(targets.slice(3)), /^dy: 3 rows, but .* had 4/],
  ['evaluate, nothing', classifier, (m) => m.evaluate(undefined as never), /evaluate: .*\{ x, y \}/],
  ['evaluate, no y', classifier, (m) => m.evaluate({ x } as never), /evaluate: .*\{ x, y \}/],
  ['evaluate, short x', classifier, (m) => m.evaluate({ x: short(x), y }), /x: .* got 15 numbers/],
  ['evaluate, few labels', classifier, (m) => m.evaluate({ x, y: [0] }), /y: 1 label for 4 rows/],
  ['evaluate, few targets', regressor, (m) => m.evaluate({ x, y: targets.slice(3) }), /y: 3 rows .* for 4 rows/],
  ['fit, nothing', classifier, (m) => m.fit(undefined as never), /^fit: data must be an object \{ x, y \}/],
  ['fit, short x', classifier, (m) => m.fit({ x: short(x), y }), /^x: .* got 15 numbers/],
  ['fit, no rows', classifier, (m) => m.fit({ x: [], y: [] }), /^x: .* got 0 numbers/],
  ['fit, few labels', classifier, (m) => m.fit({ x, y: [0, 1] }), /^y: 2 labels for 4 rows/],
  ['fit, no array of labels', classifier, (m) => m.fit({ x, y: 5 as never }), /must be an object \{ x, y \} of arrays/],
  ['fit, short targets', regressor, (m) => m.fit({ x, y: short(targets) }), /^y: want rows of 3 .* got 11/],
  ['validation, few labels', classifier, (m) => validate(m, { x, y: [0] }), /^validation\.y: 1 label for 4 rows/],
  ['validation without y', classifier, (m) => validate(m, { x }), /validation.* be an object \{ x, y \}/],
  // More rows than were planned for.
  ['forward, many rows', classifier, (m) => m.forward(twice(x)), /^forward: 8 rows, .* at most 4; .*batch: 8/],
  ['trainStep, many rows', classifier, (m) => m.trainStep(twice(x), twice(y)), /^trainStep: 8 rows, .* at most 4/],
  ['gradientCheck, many rows', classifier, (m) => gradientCheck(m, twice(x), twice(y)), /^gradientCheck: 8 rows/],
  // Labels.
  ['a label too large', classifier, (m) => m.trainStep(x, [0, 1, 2, 3]), /row 3 is 3; .* from 0 to 2/],
  ['a negative label', classifier, (m) => m.trainStep(x, [0, -1, 2, 1]), /row 1 is -1;/],
  ['a fractional label', classifier, (m) => m.trainStep(x, [0, 1, 1.5, 1]), /row 2 is 1\.5;/],
  ['a NaN label', classifier, (m) => m.trainStep(x, [0, 1, 2, NaN]), /row 3 is NaN;/],
  ['an infinite label', classifier, (m) => m.trainStep(x, [0, Infinity, 2, 1]), /row 1 is Infinity;/],
  ['a large bigint', classifier, (m) => m.trainStep(x, [0n, 1n, 2n ** 70n, 1n]), /row 2 is 1180591620717411303424n;/],
  ['null as label', classifier, (m) => m.trainStep(x, having(y, 3, null)), /row 3 is null;/],
  ['a missing label', classifier, (m) => m.trainStep(x, having(y, 3, undefined)), /row 3 is undefined;/],
  ['text as label', classifier, (m) => m.trainStep(x, having(y, 2, '2')), /row 2 is "2";/],
  ['fit, a bad label', classifier, (m) => m.fit({ x, y: [0, 1, 2, 3] }), /row 3 is 3;/],
  ['fit, null as label', classifier, (m) => m.fit({ x, y: having(y, 0, null) }), /row 0 is null;/],
  ['evaluate, a bad label', classifier, (m) => m.evaluate({ x, y: [0, 1, 2, 3] }), /row 3 is 3;/],
  ['gradientCheck, a bad label', classifier, (m) => gradientCheck(m, x, [0, 1, 2, 3]), /row 3 is 3;/],
  ['validation, a bad label', classifier, (m) => validate(m, { x, y: [0, 1, 2, 3] }), /^validation\.y: .*row 3 is 3;/],
  // Probabilities.
  ['a probability above 1', binary, (m) => m.trainStep(x, having(chances, 4, 1.5)), /^y: row 1 holds 1\.5; .* 0 to 1/],
  ['a negative probability', binary, (m) => m.evaluate({ x, y: having(chances, 0, -1) }), /^y: row 0 holds -1;/],
  ['a NaN probability', binary, (m) => m.fit({ x, y: having(chances, 11, NaN) }), /^y: row 3 holds NaN;/],
  [
    'a byte as probability',
    binary,
    (m) =>
      m.trainStep(
        x,
        Uint8Array.from(chances, () => 2),
      ),
    /^y: row 0 holds 2;/,
  ],
  ['labels for probabilities', binary, (m) => m.trainStep(x, y), /^y: want rows of 3 numbers .* got 4/],
  ['validation, probability', binary, (m) => validate(m, { x, y: having(chances, 3, 9) }), /^(y: want|validation\.y)/],
  // Numbers.
  ['trainStep, NaN in the last row', classifier, (m) => m.trainStep(having(x, 15, NaN), y), /^x: row 3 holds NaN/],
  ['trainStep, Infinity', classifier, (m) => m.trainStep(having(x, 4, Infinity), y), /^x: row 1 holds Infinity/],
  ['trainStep, NaN as target', regressor, (m) => m.trainStep(x, having(targets, 11, NaN)), /^y: row 3 holds NaN/],
  ['trainStep, text', classifier, (m) => m.trainStep(having(x, 5, '1'), y), /^x: row 1 holds "1"/],
  ['trainStep, a hole', classifier, (m) => m.trainStep(having(x, 8, undefined), y), /^x: row 2 holds undefined/],
  ['trainStep, bigints', classifier, (m) => m.trainStep(new BigInt64Array(16) as never, y), /^x: row 0 holds 0n/],
  ['trainStep, rows of arrays', classifier, (m) => m.trainStep(nested, [0]), /row 0 holds \[1\]/],
  ['forward, bigints', classifier, (m) => m.forward(new BigInt64Array(16) as never), /^x: /],
  ['predict, rows of arrays', classifier, (m) => m.predict(nested), /^x: /],
  ['fit, NaN', classifier, (m) => m.fit({ x: having(x, 9, NaN), y }), /^x: row 2 holds NaN/],
  ['fit, -Infinity', classifier, (m) => m.fit({ x: having(x, 0, -Infinity), y }), /^x: row 0 holds -Infinity/],
  ['fit, the first of two', classifier, (m) => m.fit({ x: having(having(x, 14, NaN), 6, NaN), y }), /^x: row 1 /],
  ['fit, NaN as target', regressor, (m) => m.fit({ x, y: having(targets, 3, NaN) }), /^y: row 1 holds NaN/],
  ['evaluate, NaN', classifier, (m) => m.evaluate({ x: having(x, 12, NaN), y }), /^x: row 3 holds NaN/],
  ['gradientCheck, NaN', classifier, (m) => gradientCheck(m, having(x, 12, NaN), y), /^x: row 3 holds NaN/],
  ['validation, NaN', classifier, (m) => validate(m, { x: having(x, 7, NaN), y }), /^validation\.x: row 1/],
]

const badFiles: Refusal[] = [
  // Files; test/files/safetensors.test.ts has more.
  ['a file cut short', classifier, (m) => m.load(m.save().subarray(0, -1)), /^weights: .*truncated/],
  ['no file', classifier, (m) => m.load(undefined as never), /^weights: want a Uint8Array/],
  ["another model's file", classifier, async (m) => m.load((await create({})).save()), /no '0\.weight'; .* another/],
]

const badCalls: Refusal[] = [
  // Options of runs.
  ['fit, epochs 1.5', classifier, (m) => m.fit(valid, { epochs: 1.5 }), /^fit: epochs must be .* got 1\.5/],
  [
    'fit, batch 5',
    classifier,
    (m) => m.fit(valid, { batch: 5 }),
    /^fit: batch must be an integer of at most 4, for which the model was planned, got 5/,
  ],
  ['fit, batch 0', classifier, (m) => m.fit(valid, { batch: 0 }), /^fit: batch must be .* got 0/],
  ['fit, options null', classifier, (m) => m.fit(valid, null as never), /^fit: options must be an object/],
  ['fit, shuffle as text', classifier, (m) => m.fit(valid, { shuffle: 'no' as never }), /^fit: shuffle must be/],
  ['fit, transform', classifier, (m) => m.fit(valid, { transform: 5 as never }), /^fit: transform must be/],
  ['fit, onBatch', classifier, (m) => m.fit(valid, { onBatch: 5 as never }), /^fit: onBatch must be/],
  ['fit, onEpoch', classifier, (m) => m.fit(valid, { onEpoch: 5 as never }), /^fit: onEpoch must be/],
  ['gradientCheck, input 1', classifier, (m) => gradientCheck(m, x, y, { input: 1 }), /input must be true or false/],
  ['gradientCheck, no samples', classifier, (m) => gradientCheck(m, x, y, { samples: 0 }), /samples must be .* 0/],
  // What the model was not made for.
  ['trainStep without a loss', lossless, (m) => m.trainStep(x, y), /^trainStep: .* without a loss/],
  ['evaluate without a loss', lossless, (m) => m.evaluate(valid), /^evaluate: .* without a loss/],
  ['fit without a loss', lossless, (m) => m.fit(valid), /^fit: .* without a loss/],
  ['gradientCheck without a loss', lossless, (m) => gradientCheck(m, x, targets), /^gradientCheck: .* without a loss/],
  ['step without an optimizer', still, (m) => m.step(), /^step: .* without an optimizer/],
  ['trainStep without an optimizer', still, (m) => m.trainStep(x, y), /^trainStep: .* without an optimizer/],
  ['fit without an optimizer', still, (m) => m.fit(valid), /^fit: .* without an optimizer/],
  ['step, inference only', inference, (m) => m.step(), /^step: .* inference: true/],
  ['backward, inference only', inference, (m) => m.backward(targets), /^backward: .* inference: true/],
  ['trainStep, inference only', inference, (m) => m.trainStep(x, y), /^trainStep: .* inference: true/],
  ['fit, inference only', inference, (m) => m.fit(valid), /^fit: .* inference: true/],
  ['gradientCheck, inference only', inference, (m) => gradientCheck(m, x, y), /^gradientCheck: .* inference: true/],
  ['cosineDecay without total, step', decaying, (m) => m.step(), /^cosineDecay: .* outside fit; give total, in epochs/],
  ['cosineDecay without total', decaying, (m) => m.trainStep(x, y), /^cosineDecay: .* outside fit; give total/],
]

function bits({ parameters, buffers, gradients }: Model): string {
  const tensors = [parameters, buffers, gradients].flatMap((record) => Object.values(record))
  return tensors.map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')).join()
}

/** A model in use: trained a little, with a forward pass done and gradients waiting for a step. */
async function inUse(make: () => Promise<Model>): Promise<Model> {
  const model = await make()
  if (!model.memory.gradients) return model
  model.forward(x, { training: true })
  model.backward(targets)
  model.forward(x.slice(0, 16), { training: true })
  return model
}

/** What comes of ordinary work: results, or messages. */
async function goOn(model: Model): Promise<unknown[]> {
  const y = model.loss?.kind === 'softmaxCrossEntropy' ? valid.y : targets
  const outcomes: unknown[] = []
  const work = [
    () => String(model.backward(targets).data),
    () => model.trainStep(x, y as never),
    () => model.trainStep(x, y as never),
    () => model.evaluate({ x, y: y as never }),
  ]
  for (const action of work) {
    try {
      outcomes.push(action())
    } catch (error) {
      outcomes.push(String(error))
    }
  }
  return [...outcomes, bits(model)]
}

describe.each([
  [DataError, badData],
  [FileError, badFiles],
  [PlanError, badCalls],
] as const)('a model is as it was before a %o', (type, cases) => {
  test.each(cases)('%s', async (_, make, action, message) => {
    const [model, untouched] = [await inUse(make), await inUse(make)]
    const before = bits(model)
    expectError(await errorOf(() => action(model)), type, message)
    expect(bits(model) === before, 'parameters, buffers and gradients stay').toBe(true)
    expect(await goOn(model)).toEqual(await goOn(untouched))
  })
})

test('ordinary work gives losses', async () => {
  for (const make of [classifier, regressor]) {
    const [dx, ...losses] = await goOn(await inUse(make))
    expect(String(dx).split(',').map(Number).every(Number.isFinite)).toBe(true)
    expect(losses.slice(0, 2)).toEqual([expect.any(Number), expect.any(Number)])
  }
})

describe('backward', () => {
  test('needs a forward pass', async () => {
    const model = await classifier()
    expectError(await errorOf(() => model.backward(targets)), DataError, /^backward: .*call forward first/)
  })
})

test('bad data that comes up during a run stops it before the step', async () => {
  const [model, untouched] = [await classifier({ batch: 2 }), await classifier({ batch: 2 })]
  const labels = Int32Array.from(y)
  const run = model.fit({ x, y: labels }, { shuffle: false, onBatch: () => void (labels[3] = 9) })
  expectError(await errorOf(() => run), DataError, /row 3 is 9;/)
  untouched.trainStep(x.subarray(0, 8), y.slice(0, 2))
  expect(bits(model)).toBe(bits(untouched))
  expect(model.trainStep(x.subarray(8), y.slice(2))).toBe(untouched.trainStep(x.subarray(8), y.slice(2)))
})

describe('kernels handed in', () => {
  const file = (short: string) => readFileSync(`dist/kernels.${short}.wasm`)
  const model = (wasm: never) => createModel(dense(2), { input: [3], batch: 1, wasm })

  test('work as bytes and as a module', async () => {
    const own = await createModel(dense(2), { input: [3], batch: 1 })
    for (const wasm of [file('f64'), await WebAssembly.compile(file('f64'))]) {
      expect((await model(wasm as never)).predict([1, 2, 3]).data).toEqual(own.predict([1, 2, 3]).data)
    }
  })

  test.each([
    ['of the other precision', () => file('f32'), /not v128's kernels for float64/],
    ['that are no WebAssembly', () => new Uint8Array([1, 2, 3]), /not v128's kernels: CompileError/],
    ['that are no bytes', () => ({}), /not v128's kernels: TypeError/],
  ])('%s are refused', async (_, wasm, message) => {
    expectError(await errorOf(() => model(wasm() as never)), PlanError, message)
  })
})

test('a schedule that gives no rate is refused before the step', async () => {
  const learningRate = (t: number) => (t === 0 ? NaN : 0.1)
  const model = await classifier({ optimizer: sgd({ learningRate }) })
  const before = bits(model)
  expectError(await errorOf(() => model.trainStep(x, y)), PlanError, /learningRate: the schedule gives NaN at step 0/)
  expect(bits(model)).toBe(before)
})
