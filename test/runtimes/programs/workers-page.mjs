// A page: what models in workers did goes into its <output>. With ?end also what one says whose worker is ended.
import { endFromOutside, trainInWorkers } from './workers.mjs'

async function main() {
  const results = await trainInWorkers()
  const script = new URLSearchParams(location.search).get('end')
  const ended = script ? await endFromOutside(() => new Worker(script, { type: 'module' })) : undefined
  document.querySelector('output').textContent = JSON.stringify({ results, ended })
}

void main()
