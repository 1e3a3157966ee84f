// A page: the results of the main thread and of a worker go into its <output>. ?backends=auto chooses backends.
import { trainAll } from './digest.mjs'

async function main() {
  const backends = new URLSearchParams(location.search).get('backends')?.split(',')
  const results = { 'main thread': await trainAll({ backends }) }
  const worker = new Worker(new URL('./page-worker.mjs', import.meta.url), { type: 'module' })
  results.worker = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data))
    worker.onerror = (event) => reject(new Error(`worker: ${event.message}`))
    worker.postMessage({ backends })
  })
  document.querySelector('output').textContent = JSON.stringify(results)
}

void main()
