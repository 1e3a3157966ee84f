// Transfer learning: a body that others trained, frozen, and a head of one's own.

import { FileError, PlanError, checkArguments, checkOptions, few, isPlain, quote, readSafely } from '../errors'
import { type StoredTensor, encodeSafetensors, readFile } from '../io/safetensors'
import { type NormalizeOptions, normalize } from '../layers/normalize'
import { sequential } from '../layers/sequential'
import type { Optimizer } from '../optimizers/optimizer'
import type { Layer, Loss } from '../plan/layer'
import type { DType, Tensor } from '../tensor'
import { weightsOf } from '../training/state'
import type { AbilitiesOf } from './abilities'
import { weightsIn } from './checkpoint'
import { coreOf } from './core-of'
import { createModel } from './create'
import { headless } from './headless'
import type { Imported } from './imported'
import type { Model } from './model'
import { MODEL_OPTIONS, type ModelOptions } from './options'
import { type LoadOptions, loadTensors, renamed } from './weights'

/** What transfer is told: options of createModel, and what the model is made of. */
export interface TransferOptions<
  L extends Loss | undefined = Loss | undefined,
  O extends Optimizer | undefined = Optimizer | undefined,
  I extends boolean = boolean,
  D extends DType = DType,
> extends Omit<ModelOptions<L, O, I, D>, 'input' | 'frozen'> {
  /** What is not trained: a network, or what readModel, fromOnnx or fromTfjs gave, which has its weights with it. */
  body: Layer | Imported
  /** What is trained on what the body gives. */
  head: Layer
  /** Of the body: a safetensors file of the whole network that it is of, or tensors by name; an Imported has its own. */
  weights?: Uint8Array | ArrayBuffer | Readonly<Record<string, Tensor>>
  /** What a tensor of `weights` is called in the body: see Model.load. The same unless given. */
  rename?: LoadOptions['rename']
  /** The layer of the body whose output the head gets: see headless. The last one unless given. */
  until?: string
  /** What pixels are scaled by before the body, such as `scaling('imagenet')`. They go in as they are unless given. */
  normalize?: NormalizeOptions
  /** The shape of one example; that of an Imported unless given. */
  input?: ModelOptions['input']
}

/**
 * A model of a body that others trained and a head of one's own: the body has its weights, and only the head is trained,
 * with the memory that inference takes and that of the head.
 *
 *     const body = headless(mobileNetV2())
 *     const head = sequential(dense(100), relu(), dense(3))
 *     const model = await transfer({ body, weights: bytes, head, input: [3, 96, 96], loss, optimizer })
 *
 * It is `sequential({ body, head })`, with `normalize` before them if given, and createModel's `frozen: ['body']`: it
 * trains, predicts and saves as any model. features() sends examples through the body once, so that epochs take no time. To
 * train the body too, later and slowly:
 *
 *     const all = await loadModel(model.save(), { frozen: [], groups: { body: { learningRate: 0.01 } } })
 *
 * What `weights` has that the body has not, such as the head that it had, is left out. Throws a FileError where it lacks
 * something; a PlanError where a body comes without weights, or where createModel would.
 */
export async function transfer<
  L extends Loss | undefined = undefined,
  O extends Optimizer | undefined = undefined,
  I extends boolean = false,
  D extends DType = 'float64',
>(options: TransferOptions<L, O, I, D>): Promise<Model<AbilitiesOf<L, O, I>, D>> {
  checkArguments('transfer', arguments, 1)
  const own = ['body', 'head', 'weights', 'rename', 'until', 'normalize']
  const told = checkOptions('transfer', options, [...own, ...MODEL_OPTIONS.filter((name) => name !== 'frozen')])
  const { body, head, weights, rename, until, normalize: scaling, input, ...rest } = told
  const isImported = readSafely('transfer', 'body', () => 'network' in Object(body))
  const given = isImported ? (body as Imported) : undefined
  const network = given ? given.network : (body as Layer)
  if (given && weights !== undefined) throw new PlanError('transfer: this body has its own weights; leave weights out')
  const layers = {
    ...(scaling && { normalize: normalize(scaling) }),
    body: until === undefined ? network : headless(network, { until }),
    head,
  }
  const all = { ...rest, input: input ?? given?.input, frozen: ['body'] }
  const model = await createModel<L, O, I, D>(sequential(layers), all as ModelOptions<L, O, I, D>)
  try {
    putWeights(model, given ? given.weights : weights, rename)
  } catch (error) {
    model.close()
    throw error
  }
  return model
}

/** Gives the body its weights; a PlanError where it wants some and has none. */
function putWeights(model: Model<never>, weights: TransferOptions['weights'], rename: LoadOptions['rename']): void {
  const core = coreOf('transfer', model)
  const own = weightsOf(core)
  if (weights === undefined) {
    if (!Object.keys(own).some((name) => name.startsWith('body.'))) return
    throw new PlanError(
      'transfer: body has no weights, and random ones would be frozen: give weights, or as body what readModel, fromOnnx or ' +
        'fromTfjs gave, which has them; until cuts it',
    )
  }
  const at = (name: string) => `body.${name}`
  const file = readFile(isPlain(weights) ? encodeSafetensors(weights as Readonly<Record<string, Tensor>>) : weights)
  const tensors = renamed(
    'transfer',
    weightsIn(file, (name) => Object.hasOwn(own, at(name))),
    rename,
  )
  const found = new Map<string, StoredTensor>()
  for (const [name, tensor] of tensors) if (Object.hasOwn(own, at(name))) found.set(at(name), tensor)
  const lacking = Object.keys(own).find((name) => name.startsWith(at('')) && !found.has(name))
  if (lacking) {
    const names = [...tensors.keys()]
    throw new FileError(
      `transfer: the weights have no ${quote(lacking.slice(at('').length))}, which the body has; they have ` +
        `${names.length ? few(names) : 'none'}. rename says what they are called in the body`,
    )
  }
  const [wrong] = loadTensors(core, found, false, false).mismatched
  if (!wrong) return
  const { dtype, shape } = found.get(wrong)!
  throw new FileError(
    `transfer: ${quote(wrong)} is ${dtype} (${few(shape)}) among the weights, (${few(own[wrong].shape)}) here`,
  )
}
