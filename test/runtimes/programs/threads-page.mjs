// A page: what models on several threads did on the main thread and in a worker goes into its <output>. ?process gives the
// page what bundlers put in the place of Node's global, which does not make it Node.
import { trainOnThreads } from './threads.mjs'

async function main() {
  if (location.search === '?process') globalThis.process = { env: {}, browser: true, versions: { node: '20.0.0' } }
  const results = { 'main thread': await trainOnThreads() }
  const worker = new Worker(new URL('./threads-worker.mjs', import.meta.url), { type: 'module' })
  results.worker = await new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data))
    worker.onerror = (event) => reject(new Error(`worker: ${event.message}`))
    worker.postMessage('go')
  })
  document.querySelector('output').textContent = JSON.stringify(results)
}

void main()
