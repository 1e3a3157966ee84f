// Hosts without workers: those at the edge.

import { PlanError } from '../errors'
import type { WorkerHost } from './host'

export const host: WorkerHost = {
  script: 'v128-worker.js',
  advice: '',
  needs: '',
  start() {
    throw new PlanError('createWorkerModel: this host has no workers; take createModel')
  },
}
