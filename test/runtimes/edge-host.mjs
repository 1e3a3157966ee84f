// node edge-host.mjs SCRIPT FOLDER PATH: runs a script in edge-runtime, with the kernels of FOLDER as compiled modules, and
// prints its answer to a request for PATH.

import { readFileSync } from 'node:fs'
import { EdgeRuntime } from 'edge-runtime'

const [script, folder, path] = process.argv.slice(2)
const compile = (name) => new WebAssembly.Module(readFileSync(`${folder}/${name}`))
const runtime = new EdgeRuntime({
  initialCode: readFileSync(script, 'utf8'),
  extend: (context) =>
    Object.assign(context, {
      kernels_f64: compile('kernels.f64.wasm'),
      kernels_f32: compile('kernels.f32.wasm'),
      kernels_more_f64: compile('kernels.more.f64.wasm'),
      kernels_more_f32: compile('kernels.more.f32.wasm'),
    }),
})
const response = await runtime.dispatchFetch(`http://localhost${path}`)
const text = await response.text()
if (!response.ok) throw new Error(`status ${response.status}: ${text}`)
console.log(text)
process.exit()
