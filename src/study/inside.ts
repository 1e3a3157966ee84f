// The values themselves of every layer, for who wants to draw them.

import type { Data, Labels, Numbers, TypedNumbers } from '../data/batches'
import { PlanError, checkArguments, checkOptions, few, quote, readSafely, show } from '../errors'
import { coreOf } from '../model/core-of'
import type { Model } from '../model/model'
import type { DType, Tensor } from '../tensor'
import { checkBatch, checkData, readInputs } from '../training/feed'
import { checkModel, unchanged } from './passes'

/** One layer on some rows. */
export interface LayerInside<D extends DType = DType> {
  /** Its place in the network, such as '3' or 'body.0'; '' for a network of one layer. */
  readonly path: string
  /** 'dense', or 'batchNorm + relu' where one does the work of two. */
  readonly kind: string
  /** Its output, [rows, ...shape]. */
  readonly activations: Tensor<D>
  /** The gradient of the loss by its output; only with labels or targets, and not where nothing before is trained. */
  readonly gradients?: Tensor<D>
}

/** What a look inside gives: all copies. */
export interface Inside<D extends DType = DType> {
  /** In the order of the network. */
  readonly layers: readonly LayerInside<D>[]
  /** Of the loss, without l2 and l1, by each parameter, under its name; only with labels or targets. */
  readonly gradients?: Readonly<Record<string, Tensor<D>>>
}

/** What lookInside is asked for. */
export interface InsideOptions {
  /** Paths of the layers that are wanted, such as ['0', '3']; all unless given. [] leaves gradients of parameters alone. */
  layers?: readonly string[]
}

/**
 * The output of every layer for n rows of x, n at most the batch: what there is to draw of a network at work. It is a pass
 * as predict makes it. Given labels or targets y it is one of training (batch norm takes the statistics of the batch,
 * dropout its next masks), and there are gradients as well. Leaves the model as it was.
 *
 *     for (const { path, kind, activations } of lookInside(model, x).layers) console.log(path, kind, activations.shape)
 *
 * Where a ReLU left its work to a pooling layer, the gradient of the pool, that of the ReLU's input, stands for its own.
 * Throws a PlanError on a path that no layer has, and a DataError on rows that forward would not take.
 */
export function lookInside<D extends DType>(
  model: Model<never, D>,
  x: Numbers,
  y?: undefined,
  options?: InsideOptions,
): Inside<D>
export function lookInside<D extends DType>(
  model: Model<'loss' | 'training', D>,
  x: Numbers,
  y: Labels | Numbers,
  options?: InsideOptions,
): Inside<D>
export function lookInside<D extends DType>(
  model: Model<never, D>,
  x: Numbers,
  y?: Labels | Numbers,
  options: InsideOptions = {},
): Inside<D> {
  const where = 'lookInside'
  checkArguments(where, arguments, 4)
  checkModel(where, model)
  const wanted = checkPaths(where, checkOptions(where, options, ['layers']).layers)
  const trains = y !== undefined
  if (trains) checkModel(where, model, 'loss', 'training')
  const core = coreOf(where, model)
  const examples: TypedNumbers[] = []
  const n = readInputs(core, 'x', x, examples, false)
  const data = trains ? checkData(where, core, { x, y } as Data) : { x: examples }
  checkBatch(where, core, n)
  const isWanted = (path: string) => !wanted || wanted.has(path)
  return unchanged(model, (passes) => {
    const found = new Map<object, { -readonly [K in keyof LayerInside<D>]: LayerInside<D>[K] }>()
    const paths = new Set<string>()
    passes.reset()
    passes.load(data, n)
    const see: Parameters<typeof passes.see>[2] = (output, values, isGradient) => {
      const { layer, value, beforeRelu } = output
      paths.add(layer.path)
      if (!isWanted(layer.path)) return
      const copy = beforeRelu && !isGradient ? values.map((v) => Math.max(0, v)) : values.slice()
      const tensor = { shape: [n, ...value.shape], data: copy } as unknown as Tensor<D>
      if (isGradient) found.get(output)!.gradients = tensor
      else found.set(output, { path: layer.path, kind: layer.kind, activations: tensor })
    }
    passes.see(n, trains, see, trains)
    for (const path of wanted ?? []) {
      if (paths.has(path)) continue
      throw new PlanError(`${where}: there is no layer ${quote(path)}; there are ${few([...paths])}`)
    }
    const layers = [...found.values()]
    if (!trains) return { layers }
    const copies = Object.entries(model.gradients).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.slice() },
    ])
    return { layers, gradients: Object.fromEntries(copies) as Record<string, Tensor<D>> }
  })
}

function checkPaths(where: string, paths: unknown): ReadonlySet<string> | undefined {
  if (paths === undefined) return undefined
  const list = readSafely(where, 'layers', () => Array.isArray(paths) && Array.from(paths as readonly unknown[]))
  if (list && list.every((path) => typeof path === 'string')) return new Set(list)
  throw new PlanError(`${where}: layers must be an array of paths of layers, such as ['0'], got ${show(paths)}`)
}
