// Keeps the page on this device, so that it opens without a network. build.js writes what stands for these two.

/** @type {{ VERSION: string, FILES: string[] }} */
const { VERSION, FILES } = JSON.parse('BUILT')
/** @type {any} The global of a service worker. */
const scope = self
const NAME = `v128-playground-${VERSION}`

/** Waits for a promise before the event is over. @param {string} type @param {(event: any) => Promise<unknown>} work */
const on = (type, work) => scope.addEventListener(type, (/** @type {any} */ event) => event.waitUntil(work(event)))

on('install', async () => {
  await (await caches.open(NAME)).addAll(FILES)
  await scope.skipWaiting()
})

on('activate', async () => {
  const old = (await caches.keys()).filter((key) => key.startsWith('v128-playground-') && key !== NAME)
  await Promise.all(old.map((key) => caches.delete(key)))
  await scope.clients.claim()
})

scope.addEventListener('fetch', (/** @type {any} */ event) => {
  const { request } = event
  if (request.method !== 'GET' || new URL(request.url).origin !== scope.location.origin) return
  const answer = async () => {
    const cache = await caches.open(NAME)
    return (await cache.match(request, { ignoreSearch: true })) ?? fetch(request)
  }
  event.respondWith(answer())
})
