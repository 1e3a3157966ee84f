// Node, Deno and Bun: prints the results as JSON.
import { trainAll } from './digest.mjs'

console.log(JSON.stringify(await trainAll()))
