// Hosts without files: workerd, edge-runtime.

import { type FileHost, fileError } from './file-host'

export const host: FileHost = {
  at(where, name) {
    throw fileError(where, name, {
      what: 'this host has no files',
      cure: 'keep the bytes in its own storage, such as KV or R2 of Cloudflare, or send them with fetch',
    })
  },
}
