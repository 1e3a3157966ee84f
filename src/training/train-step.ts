// One step on rows that are handed in.

import type { Beside } from '../data/beside'
import { checkOptions, note } from '../errors'
import { type Core, needAll, needFree } from './core'
import { checkBatch, checkRows, loadBatch } from './feed'
import { runPass } from './step'

/** See Model.trainStep. */
export function trainStep(core: Core, x: unknown, y: unknown, beside?: Beside): number {
  if (beside !== undefined) beside = checkOptions('trainStep', beside, ['weight', 'lengths'])
  needFree('trainStep', core)
  needAll('trainStep', core)
  const data = checkRows(core, x, y, '', true, beside)
  checkBatch('trainStep', core, data.rows)
  loadBatch(core, data, data.rows)
  const { loss, trouble } = runPass(core, data.rows, true)
  const found = trouble ?? (Number.isFinite(loss) ? undefined : `the loss is ${loss}`)
  if (found) note(`trainStep: ${found}; no step was taken`)
  return loss
}
