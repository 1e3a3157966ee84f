/**
 * Models in a worker.
 *
 * @module v128/worker
 */

export { type InWorker, createWorkerModel, loadWorkerModel } from '../worker/create'
export type { WorkerHandle } from '../worker/host'
export type { Transfer, WorkerEvaluateOptions, WorkerFitOptions, WorkerModel } from '../worker/model'
