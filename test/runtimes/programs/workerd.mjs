// workerd: the modules come by the export condition of v128.
import { trainAll } from './digest.mjs'

/** The clock of workerd goes on at input and output only. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 1))

export default {
  async fetch() {
    return Response.json(await trainAll({ settle }))
  },
}
