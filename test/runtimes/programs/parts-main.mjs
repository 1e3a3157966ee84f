// Node and Deno: parts-main.mjs FOLDER BACKEND FROM UNTIL trains from one step of the run to another, in both precisions.
// Checkpoints stand in the folder; it prints what became of the run.
import { loadFile, saveFile } from 'v128/files'
import { create } from './digest.mjs'
import { DTYPES, trainPart } from './parts.mjs'

const [folder, backend, from, until] = process.argv.slice(2)
const results = []
for (const dtype of DTYPES) {
  const file = `${folder}/${dtype}.safetensors`
  const resume = Number(from) ? await loadFile(file) : undefined
  const { checkpoint, digest, history } = await trainPart(await create({ dtype, backend }), resume, Number(until))
  await saveFile(file, checkpoint)
  results.push({ dtype, digest, history })
}
console.log(JSON.stringify(results))
