// Workers of the web.

import type { WorkerHost } from './host'

export const host: WorkerHost = {
  script: 'v128-worker.js',
  advice:
    'a bundler must put v128-worker.js beside the bundle: Vite and webpack do (Vite before 8 with optimizeDeps: ' +
    "{ exclude: ['v128'] }), esbuild does with the entry point v128-worker=v128/worker/script; or hand in worker: () => " +
    'new Worker(...)',
  needs: "; a content security policy, if there is one, must allow it: worker-src 'self'",
  // Written like this, and in one piece, Vite and webpack find the script and bundle it.
  start: () => new Worker(new URL('./v128-worker.js', import.meta.url), { type: 'module' }),
}
