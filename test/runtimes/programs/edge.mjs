// Vercel's edge-runtime.
import { trainAll } from './digest.mjs'

addEventListener('fetch', (event) => {
  event.respondWith(trainAll().then((results) => Response.json(results)))
})
