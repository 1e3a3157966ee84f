// Workers of the web.

import type { WorkerHost } from './host'

export const host: WorkerHost = {
  script: 'v128-worker.js',
  // Written like this, and in one piece, Vite and webpack find the script and bundle it.
  start: () => new Worker(new URL('./v128-worker.js', import.meta.url), { type: 'module' }),
}
