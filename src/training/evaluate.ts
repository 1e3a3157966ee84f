// How good a model is on some data.

import type { Data } from '../data/batches'
import { type ByName, type PerOutput, byName } from '../data/named'
import type { AsyncBatches, Batches } from '../data/stream'
import { PlanError, checkOptions, flag, integer } from '../errors'
import type { Tensor } from '../tensor'
import { type Core, needOpen } from './core'
import { noteBadScores } from './divergence'
import { needExamples } from './door'
import { feedOf, transformBatch } from './feed'
import { checkTransform } from './options'
import { putCarriedAside } from './state'
import { runPass } from './step'
import { accuracyOf, addPass, addScores, createTally, lossOfAll, measuresOf } from './tally'
import { unlessEnded } from './wait'

/** What evaluate is asked for. */
export interface EvaluateOptions<In extends string = never> {
  /** Works in place on the first n rows of each batch, in the model's input; in its inputs, by name. */
  transform?: (input: ByName<In, Tensor>, n: number) => void
  /** Asks for the share of rows whose label is among so many highest scores. 0 unless given: not at all. */
  topK?: number
  /** Asks for the confusion matrix. False unless given. */
  confusion?: boolean
}

/** How good a model is on some data. */
export interface Measures {
  /** Mean over the rows, with what regularisation adds; for one of several outputs without that, and without its weight. */
  loss: number
  /** The share of right answers; NaN where the targets are values. */
  accuracy: number
  /** With `topK`: the share of rows whose label is among so many highest scores. */
  topKAccuracy?: number
  /** Of each label (row) how many were given each class (column). */
  confusion?: number[][]
}

/** How good a model is on some data; of one with several outputs, the loss is their sum, and the rest is in `outputs`. */
export type Evaluation<Out extends string = never> = Measures & PerOutput<Out, Measures>

/** See Model.evaluate. A signal ends what waits for batches; the result then means nothing. */
export function evaluate(
  core: Core,
  data: Data | Batches | AsyncBatches,
  options: EvaluateOptions<any>,
  signal?: AbortSignal,
): Measures | Promise<Measures> {
  options = checkOptions('evaluate', options, ['transform', 'topK', 'confusion'])
  const transform = checkTransform('evaluate', options.transform)
  const topK = options.topK === undefined ? 0 : integer('evaluate', 'topK', options.topK, 1)
  const wantsConfusion = flag('evaluate', 'confusion', options.confusion ?? false)
  const { heads, names } = core
  if ((topK || wantsConfusion) && !heads.some(({ classes }) => classes)) {
    throw new PlanError(
      'evaluate: topK and confusion are for labels, but the loss of this model compares values; binaryReport is for yes or no',
    )
  }
  const feed = feedOf('evaluate', core, data)
  needExamples('evaluate', feed, transform)
  const tally = createTally(heads.length)
  const confusions = heads.map(({ classes }) =>
    wantsConfusion && classes ? Array.from({ length: classes }, () => Array<number>(classes).fill(0)) : undefined,
  )
  const putBack = putCarriedAside(core)
  const goBack = () => {
    // What forward left for backward is written over.
    core.rows = 0
    putBack()
  }
  const pass = () => {
    const n = feed.load()
    transformBatch('evaluate', core, transform, n)
    addPass(tally, n, runPass(core, n, false, undefined, feed.first))
    noteBadScores('evaluate', core, n)
    addScores(tally, core, n, topK, confusions)
  }
  const ofLabels = (i: number) => ({
    ...(topK && heads[i].classes && { topKAccuracy: tally.heads[i].among / tally.heads[i].counted }),
    ...(confusions[i] && { confusion: confusions[i] }),
  })
  const outputs = () => heads.map(({ loss }, i) => ({ ...measuresOf(tally, i, loss?.weight ?? 1), ...ofLabels(i) }))
  const result = (): Measures => ({
    loss: lossOfAll('evaluate', tally),
    accuracy: accuracyOf(tally),
    ...(names.outputs.length ? { outputs: byName(names.outputs, outputs()) } : ofLabels(0)),
  })
  const wait = async () => {
    try {
      while (!signal?.aborted && (await unlessEnded(core, feed.next(), signal))) pass()
    } finally {
      goBack()
      await unlessEnded(core, feed.close(), signal)
    }
    needOpen('evaluate', core)
    return result()
  }
  if (feed.start(0)) return wait()
  try {
    while (feed.next()) pass()
  } finally {
    goBack()
    void feed.close()
  }
  return result()
}
