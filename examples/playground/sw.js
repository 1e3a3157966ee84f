// Keeps the page on this device, so that it opens without a network. build.js puts VERSION and FILES before this.
/* global VERSION, FILES */

const name = `v128-playground-${VERSION}`

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(name).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()))
})

self.addEventListener('activate', (event) => {
  const old = (key) => key.startsWith('v128-playground-') && key !== name
  event.waitUntil(
    caches
      .keys()
      .then((keys) => Promise.all(keys.filter(old).map((key) => caches.delete(key))))
      .then(() => self.clients.claim()),
  )
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return
  event.respondWith(
    caches.open(name).then(async (cache) => (await cache.match(request, { ignoreSearch: true })) ?? fetch(request)),
  )
})
