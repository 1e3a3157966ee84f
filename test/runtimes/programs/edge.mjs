// Vercel's edge-runtime.
import { trainAll } from './digest.mjs'
import { refuse } from './files.mjs'

addEventListener('fetch', (event) => {
  const answer = event.request.url.endsWith('/files') ? refuse() : trainAll()
  event.respondWith(answer.then((results) => Response.json(results)))
})
