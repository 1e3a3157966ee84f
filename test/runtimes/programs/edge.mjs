// Vercel's edge-runtime.
import { trainAll } from './digest.mjs'
import { refuse } from './files.mjs'
import { trainOnThreads } from './threads.mjs'

const ANSWERS = { '/files': refuse, '/threads': trainOnThreads, '/': trainAll }

addEventListener('fetch', (event) => {
  const { pathname } = new URL(event.request.url)
  event.respondWith(ANSWERS[pathname]().then((results) => Response.json(results)))
})
