// Node, Deno and Bun: prints what models in workers did, as JSON.
import { trainInWorkers } from './workers.mjs'

console.log(JSON.stringify(await trainInWorkers()))
