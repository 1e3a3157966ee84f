// A page: ?train, then, when it was loaded again, ?goOn. What became of it goes into its <output>: digests of runs that
// went on from what the page had saved, and of one that went on at once.
import { loadModel } from 'v128'
import { loadFile, saveFile } from 'v128/files'
import { create, createData, digestOf } from './digest.mjs'
import { trainPart } from './parts.mjs'

/** Another epoch, a run of its own. */
async function trainMore(model) {
  await model.fit(createData(), { epochs: 1 })
  return digestOf(model)
}

/** Until the middle of an epoch. */
async function train() {
  const model = await create()
  const { checkpoint } = await trainPart(model, undefined, 33)
  await saveFile('model.safetensors', model.save({ metadata: { classes: ['a', 'b', 'c', 'd'] } }))
  await saveFile('run.safetensors', checkpoint)
  await saveFile('state.safetensors', model.checkpoint())
  return { atOnce: await trainMore(model) }
}

async function goOn() {
  const model = () => loadFile('model.safetensors').then((bytes) => loadModel(bytes))
  const restored = await model()
  restored.restore(await loadFile('state.safetensors'))
  const { digest } = await trainPart(await model(), await loadFile('run.safetensors'))
  return { restored: await trainMore(restored), resumed: digest, classes: restored.metadata.classes.join() }
}

async function main() {
  const result = await { train, goOn }[location.search.slice(1)]()
  document.querySelector('output').textContent = JSON.stringify(result)
}

void main()
