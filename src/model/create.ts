// From a blueprint to a model: its memory, its views, its first weights.

import type { AbilitiesOf, Ability } from './abilities'
import { createEngine } from '../engine/create'
import type { Engine } from '../engine/engine'
import { PlanError, checkArguments, checkNoPromise, note, quote, show } from '../errors'
import type { Optimizer } from '../optimizers/optimizer'
import { type Count, TRAINING, titleOf } from '../plan/calls'
import { type ByName, byName } from '../data/named'
import { type Pointers, countOf, trainedOf } from '../plan/layout'
import type { Layer, Loss, Network } from '../plan/layer'
import { callsOf } from '../plan/program'
import { prepare } from '../plan/run'
import type { Parameter, Place, Value, Variable } from '../plan/value'
import { createRandom } from '../random'
import { type DType, type Floats, type Tensor, product } from '../tensor'
import { type Core, type Entry, type Head, type Settings, createPass, viewOf } from '../training/core'
import { type Stretch, partsOfVector } from '../training/parts'
import { resetSchedule } from '../training/rate'
import { beginSlots } from '../training/state'
import { kernelsOfStep } from '../training/step'
import { type AnyOptions, type Blueprint, type ModelOptions, checkTotal, planModel, withThreads } from './options'
import { ruleOf } from './groups'
import { Model } from './model'
import { threadsFor } from './threads'

/**
 * Plans `network`, gets its memory and fills its parameters.
 *
 *     const model = await createModel(sequential(dense(16), relu(), dense(3)), {
 *       input: [4], batch: 32, loss: softmaxCrossEntropy(), optimizer: adam({ learningRate: 1e-3 }), seed: 1,
 *     })
 *
 * Throws a PlanError that names the layer where shapes do not fit, an option is unknown, or memory does not suffice.
 */
export async function createModel<
  In extends string,
  Out extends string,
  L extends ByName<Out, Loss> | undefined = undefined,
  O extends Optimizer | undefined = undefined,
  I extends boolean = false,
  D extends DType = 'float64',
>(
  network: Network<In, Out>,
  options: ModelOptions<L, O, I, D, NoInfer<In>>,
): Promise<Model<AbilitiesOf<L, O, I>, D, In, Out>>
export async function createModel<
  L extends Loss | undefined = undefined,
  O extends Optimizer | undefined = undefined,
  I extends boolean = false,
  D extends DType = 'float64',
>(network: Layer, options: ModelOptions<L, O, I, D>): Promise<Model<AbilitiesOf<L, O, I>, D>>
export async function createModel(network: Layer | Network<string, string>, options: AnyOptions): Promise<any> {
  checkArguments('createModel', arguments, 2)
  return buildModel(planModel('createModel', network, options))
}

/** Gets the memory of a model, which `fill` gives its first values. */
export async function buildModel<Can extends Ability, D extends DType, In extends string, Out extends string>(
  blueprint: Blueprint<D>,
  fill: (core: Core<D>, blueprint: Blueprint<D>) => void = fillFirst,
): Promise<Model<Can, D, In, Out>> {
  const count = await threadsFor(blueprint)
  const planned = withThreads(blueprint, count)
  checkTotal(planned)
  const { dtype, memory, backend, wasm } = planned
  const threads = { count, scratchBytes: memory.scratch / count }
  const engine = await createEngine(dtype, memory.total, backend, wasm, kernelsOf(planned), threads)
  const own = engine.threads === count ? planned : withThreads(blueprint, engine.threads)
  const core = createCore(own, engine)
  fill(core, own)
  // Its constructor is nobody else's business.
  const Made = Model as unknown as new (core: Core<D>, blueprint: Blueprint<D>) => Model<Can, D, In, Out>
  return new Made(core, own)
}

/** In the place of the kernels of an optimizer that does not say which it calls: any of the first group. */
const ANY = ['']

/** The kernels that the model calls, beside those that all models do. */
function kernelsOf({ program, settings }: Blueprint): readonly string[] {
  const { uses = ANY } = settings.optimizer ?? { uses: [] }
  const calls = callsOf(program).filter((call) => typeof call.kernel === 'string')
  return [...uses, ...kernelsOfStep(settings), ...calls.map((call) => [call.kernel, call.variant].join(''))]
}

function createCore<D extends DType>(blueprint: Blueprint<D>, engine: Engine): Core<D> {
  const { dtype, batch, settings, memory, pointers, inference, parameters, buffers, bytes, names } = blueprint
  const states = blueprint.states.map(({ before }) => before)
  const { kernels, buffer } = engine
  const view = (pointer: number, length: number) => viewOf(dtype, buffer, pointer, length)
  // Whoever wrote another array into a tensor would not change the model.
  const tensorOf = (shape: readonly number[], data: Floats<D>): Tensor<D> => Object.freeze({ shape, data })
  const batchOf = ({ shape, size, data }: Value) => tensorOf([batch, ...shape], view(data.pointer, batch * size))
  const tensorsOf = (variables: readonly Variable[], pointerOf = ({ pointer }: Variable) => pointer) => {
    const tensors: Record<string, Tensor<D>> = {}
    for (const variable of variables) {
      const { name, shape, size } = variable
      // A name may be that of something that every object has.
      Object.defineProperty(tensors, name, {
        value: tensorOf(shape, view(pointerOf(variable), size)),
        enumerable: true,
      })
    }
    return tensors
  }
  const trained = trainedOf(parameters)
  const count = countOf(trained)
  const decaying = trained.filter((p) => p.decays)
  const weights = trained.filter((p) => p.options.decay)
  const { optimizer, maxNorm } = settings
  const rate = optimizer?.learningRate ?? 0
  const inputs = blueprint.inputs.map((value, i): Entry<D> => {
    const at = blueprint.lengths[i]?.pointer
    const lengths = at === undefined ? new Int32Array(0) : new Int32Array(buffer, at, batch)
    lengths.fill(value.shape[0])
    return {
      name: names.inputs[i] ?? '',
      value,
      tensor: batchOf(value),
      gradientRows: [],
      lengths,
      mixer: blueprint.mixers[i],
    }
  })
  const heads = blueprint.heads.map((value, i): Head<D> => {
    const { size, gradient } = value
    const { targets, target, positions = 1, ignoreIndex, lengths, weights, shape } = blueprint.lossPlans[i] ?? {}
    const wanted = { shape: shape ?? value.shape, size: shape ? product(shape) : size }
    const classes = targets === 'labels' ? size / positions : 0
    const at = target?.pointer ?? 0
    const pointer = gradient?.pointer ?? 0
    return {
      name: names.outputs[i] ?? '',
      value,
      tensor: batchOf(value),
      firstRows: [],
      gradient: view(pointer, pointer && batch * size),
      loss: blueprint.losses[i],
      targets,
      classes,
      labels: new Int32Array(buffer, at, classes ? batch * positions : 0),
      values: view(at, target && !classes ? batch * wanted.size : 0),
      target: wanted,
      positions,
      size: size / positions,
      ignoreIndex,
      sequence: lengths && inputs[blueprint.lengths.findIndex((place) => place === lengths)],
      counts: {
        alike: true,
        weights: new Float64Array(target ? batch * positions : 0),
        places: weights && view(weights.pointer, batch * positions),
      },
    }
  })
  const scratch: Place = { pointer: pointers.scratch, bytes: memory.scratch / engine.threads }
  const liveBuffers = new Uint8Array(buffer, pointers.buffers, countOf([...buffers, ...states]) * bytes)
  const ownPass = createPass(heads.length)
  const core: Core<D> = {
    ...blueprint,
    engine,
    first: 0,
    run: prepare(blueprint.program, kernels, scratch, (place) => view(place.pointer, place.bytes / bytes)),
    tensors: {
      parameters: tensorsOf(parameters),
      gradients: tensorsOf(
        parameters.filter((p) => p.gradient),
        (p) => (p as Parameter).gradient!.pointer,
      ),
      buffers: tensorsOf(buffers),
      input: byName(
        names.inputs,
        inputs.map(({ tensor }) => tensor),
      ),
      output: byName(
        names.outputs,
        heads.map(({ tensor }) => tensor),
      ),
    },
    inputs,
    heads,
    carried: blueprint.states.map(({ before, after }) => ({
      name: before.name,
      before: tensorOf(before.shape, view(before.pointer, before.size)),
      after: view(after.pointer, before.size),
    })),
    allGradients: view(pointers.gradients, inference ? 0 : count),
    vector: {
      kernels,
      count,
      decayed: countOf(decaying),
      x: pointers.parameters,
      dx: pointers.gradients,
      slots: (optimizer?.slots ?? []).map((_, i) => pointers.optimizer + i * memory.parameters),
      numbers: new Float64Array(optimizer?.numbers ?? 0),
      weightDecay: undefined,
    },
    parts: undefined,
    limited: (maxNorm < Infinity ? weights : []).map(({ shape: [rows], size, pointer }) => ({
      rows,
      size: size / rows,
      pointer,
    })),
    lonelyNorm: lonelyNormOf(blueprint),
    metadata: {},
    rate,
    rateByHand: false,
    scheduleState: new Float64Array(0),
    lastRate: typeof rate === 'number' ? rate : 0,
    clock: { epoch: 0, step: 0, epochs: undefined, steps: undefined },
    counters: { steps: 0, passes: 0, epochs: 0 },
    regularises: true,
    rows: 0,
    pass: ownPass,
    ownPass,
    fitting: false,
    active: undefined,
    slots: undefined,
    stepping: false,
    closed: false,
    onClose: new Set(),
    undo: { liveBuffers, buffers: liveBuffers.slice(), gradients: undefined, all: undefined, step: {} },
    objective: undefined,
  }
  if (optimizer && !count && !inference) {
    note(
      'createModel: no parameter of this network is trained, since all are frozen or it has none: no step changes it',
    )
  }
  const stretches = stretchesOf(trained, decaying.length, settings, pointers, bytes)
  core.parts = stretches && partsOfVector(core.vector, stretches, bytes)
  resetSchedule(core)
  beginSlots(core)
  return core
}

/** The parameters that groups treat alike, one stretch after the other; undefined where all are alike. */
function stretchesOf(
  trained: readonly Parameter[],
  decaying: number,
  { groups }: Settings,
  { parameters }: Pointers,
  bytes: number,
): readonly Stretch[] | undefined {
  if (!groups.length) return undefined
  const parts: Stretch[] = []
  trained.forEach((parameter, i) => {
    const decays = i < decaying
    const { learningRate = 1, weightDecay } = ruleOf(groups, parameter.name)
    const last = parts.at(-1)
    const { size, pointer } = parameter
    const alike = last?.factor === learningRate && last.weightDecay === weightDecay && last.decays === decays
    if (last && alike) last.count += size
    else parts.push({ first: (pointer - parameters) / bytes, count: size, factor: learningRate, weightDecay, decays })
  })
  return parts
}

function lonelyNormOf({ program }: Blueprint): string | undefined {
  const norm = program.forward.find(
    ({ kernel, sizes }) =>
      kernel === 'batchNormFeaturesForward' && (sizes[0] as Count).perExample === 1 && sizes.includes(TRAINING),
  )
  return norm && titleOf(norm.layer)
}

function fillFirst(core: Core, blueprint: Blueprint): void {
  fillConstants(core, blueprint)
  fillParameters(core, blueprint)
}

/** The first values of the parameters. */
function fillParameters({ tensors, settings }: Core, { parameters }: Blueprint): void {
  const random = createRandom(settings.seed)
  for (const { name, options } of parameters) {
    const { data } = tensors.parameters[name]
    try {
      checkNoPromise(
        'createModel',
        `what the initializer of ${quote(name)} gives`,
        options.init.fill(data, options.fanIn, options.fanOut, random),
      )
    } catch (cause) {
      if (cause instanceof PlanError) throw cause
      throw new PlanError(`createModel: the initializer of ${quote(name)} threw ${show(cause)}`, { cause })
    }
    checkStored(quote(name), data, data)
  }
}

/** The values of constants, and the first of buffers. */
export function fillConstants({ engine, dtype, tensors }: Core, { constants, bytes, buffers }: Blueprint): void {
  const store = (what: string, data: Tensor['data'], values: readonly number[]) => {
    for (let i = 0; i < data.length; i++) data[i] = values[values.length === 1 ? 0 : i]
    checkStored(what, data, values)
  }
  for (const { place, values } of constants) {
    const data = viewOf(dtype, engine.buffer, place.pointer, place.bytes / bytes)
    store('a number of the loss or of a layer', data, values)
  }
  for (const { name, initial } of buffers) store(quote(name), tensors.buffers[name].data, [initial].flat() as number[])
}

/** Throws a PlanError where the precision of the model makes a number infinite, or 0 where it was not. */
function checkStored(what: string, data: Tensor['data'], values: ArrayLike<number>): void {
  for (let i = 0; i < data.length; i++) {
    const value = values[values.length === 1 ? 0 : i]
    if (Number.isFinite(data[i]) && (data[i] !== 0 || value === 0)) continue
    const lost = Number.isFinite(value) ? `${value}, in ${data instanceof Float32Array ? 'float32' : 'float64'} ` : ''
    throw new PlanError(
      `createModel: ${what} begins with ${lost}${data[i]}, at ${i}; a model begins with finite numbers`,
    )
  }
}
