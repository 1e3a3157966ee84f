// What a worker of node:worker_threads runs. In Deno and Bun this may be a worker of the web all the same.

import { parentPort } from 'node:worker_threads'
import { type Scope, serve } from './serve'

serve((parentPort ?? globalThis) as unknown as Scope)
