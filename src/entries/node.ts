/**
 * What needs files or worker threads.
 *
 * @module v128/node
 */

export { type Report, type Run, type TrialCheckpoint } from '../search/workers'
export { type PandaDecision, type PandaEpoch, type PandaOptions, type PandaResult, panda } from '../search/panda'
export { fileStore } from '../search/file-store'
export { search } from '../search/search'
export { type SearchOptions } from '../search/settings'
export { type SearchStatus, type WorkerStatus, searchStatus } from '../search/status'
export { type WorkOptions, type WorkResult, work } from '../search/work'
export {
  type Beat,
  type Ending,
  type JobEnd,
  type Machine,
  type Store,
  type TrialJob,
  type TrialQueue,
} from '../search/store'
export {
  type Choice,
  type Choosable,
  type Range,
  type Space,
  type Trial,
  type Values,
  choice,
  integer,
  logUniform,
  oneMinusLogUniform,
  trialOf,
  uniform,
} from '../search/space'
export { type Curve, type TrialStopping } from '../search/stopping'
export { searchPicture, searchTable } from '../search/results'
export { type Difference, type Round, type SearchProgress, type SearchResult, type TrialResult } from '../search/trials'
