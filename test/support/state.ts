import type { Model } from '../../src/entries/index'
import { coreOf } from '../../src/model/core-of'
import { describeRate } from '../../src/schedules'
import { takeState } from '../../src/training/state'

/** All that training changes of a model, to be compared. */
export function stateOf(model: Model<never>) {
  const { memory, numbers, scheduleState, rate, ...rest } = takeState(coreOf('test', model))
  const hex = (view: ArrayBufferView) => Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64')
  return {
    ...rest,
    rate: describeRate(rate),
    memory: hex(memory),
    numbers: hex(numbers),
    scheduleState: hex(scheduleState),
  }
}
