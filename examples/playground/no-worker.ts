// In place of the package's own way to start a worker: see build.js.

export const host = {
  script: 'worker.js',
  advice: 'worker.js must lie beside the page',
  needs: '',
  start(): never {
    throw new Error('the page hands in its own worker')
  },
}
