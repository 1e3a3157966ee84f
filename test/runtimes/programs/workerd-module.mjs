// workerd, bundled without its export condition: the modules are imported and handed to createModel. What is built in
// does not compile there, so that 'auto' has to fall back.
import float32 from 'v128/kernels.f32.wasm'
import float64 from 'v128/kernels.f64.wasm'
import more32 from 'v128/kernels.more.f32.wasm'
import more64 from 'v128/kernels.more.f64.wasm'
import { train, trainAll } from './digest.mjs'

const settle = () => new Promise((resolve) => setTimeout(resolve, 1))

export default {
  async fetch() {
    const handed = {
      rows: [
        await train({ dtype: 'float64', wasm: [float64, more64] }, settle),
        await train({ dtype: 'float32', wasm: [float32, more32] }, settle),
      ],
      warnings: [],
    }
    return Response.json({ handed, fallback: await trainAll({ backends: ['auto'], settle }) })
  },
}
