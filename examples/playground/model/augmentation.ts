// What changes pictures at random, as a setting says; loaded where one does.

import { augment, cutout, randomCrop, randomRotation } from 'v128/data'
import type { Transform } from './batches'
import type { Setting } from './setting'

/** Changes raw pictures at random; undefined where nothing is to be changed. */
export function augmentation({ augment: { move, turn, cutout: hole }, seed }: Setting): Transform | undefined {
  const list = [
    ...(move > 0 ? [randomCrop({ pad: move })] : []),
    ...(turn > 0 ? [randomRotation({ degrees: turn })] : []),
    ...(hole > 0 ? [cutout({ size: hole })] : []),
  ]
  return list.length ? augment(list, { seed }) : undefined
}
