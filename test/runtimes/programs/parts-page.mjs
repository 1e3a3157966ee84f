// A page: goes on from the checkpoints of parts-main.mjs, which the server has, to the end of the run. What became of it
// goes into its <output>.
import { create } from './digest.mjs'
import { DTYPES, trainPart } from './parts.mjs'

async function main() {
  const results = []
  for (const dtype of DTYPES) {
    const response = await fetch(`/parts/${dtype}.safetensors`)
    const { digest, history } = await trainPart(await create({ dtype }), await response.arrayBuffer())
    results.push({ dtype, digest, history })
  }
  document.querySelector('output').textContent = JSON.stringify(results)
}

void main()
