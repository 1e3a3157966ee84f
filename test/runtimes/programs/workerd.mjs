// workerd: the modules come by the export condition of v128.
import { trainAll } from './digest.mjs'
import { refuse } from './files.mjs'
import { trainOnThreads } from './threads.mjs'

/** The clock of workerd goes on at input and output only. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 1))

export default {
  async fetch({ url }) {
    if (url.endsWith('/files')) return Response.json(await refuse())
    if (url.endsWith('/threads')) return Response.json(await trainOnThreads({ settle }))
    return Response.json(await trainAll({ settle }))
  },
}
