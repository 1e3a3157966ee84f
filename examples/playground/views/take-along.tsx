// What can be taken along: a link, a program, files.

import { useState } from 'preact/hooks'
import { bring, download, takeCheckpoint, takeData, takeModel, takeOnnx, takePicture, takeTfjs } from '../model/files'
import { type Place, programOf } from '../model/program'
import type { Run } from '../model/run'
import { isPublic, linkOf, recipeOf } from '../model/share'
import { current } from '../model/store'
import { whole } from './format'
import { FileButton } from './file-button'

export function TakeAlong() {
  const run = current.value!
  return (
    <div class="stack">
      <Link run={run} />
      <section class="card" aria-label="Files">
        <h2>Files</h2>
        <p class="soft">
          The model file is safetensors with PyTorch’s names, and describes itself. The checkpoint holds all that
          training changes, to go on to the bit. ONNX and TensorFlow.js are for other programs. All of them come back,
          and so do networks that other programs wrote; of TensorFlow.js, choose model.json and its .bin files together.
        </p>
        <div class="row">
          <button onClick={() => void takeModel(run)}>Model file</button>
          <button onClick={() => void takeCheckpoint(run)}>Checkpoint</button>
          <button onClick={() => void takeOnnx(run)}>ONNX</button>
          <button onClick={() => void takeTfjs(run)}>TensorFlow.js</button>
          <button onClick={takePicture}>Picture of the curves</button>
          {run.data.name !== 'mnist' && <button onClick={() => takeData(run)}>The data</button>}
          <FileButton accept=".safetensors,.onnx,.json,.bin" multiple onFiles={(files) => void bring(files, run)}>
            Go on with a file
          </FileButton>
        </div>
      </section>
      <Program run={run} />
    </div>
  )
}

/** Puts a text where it can be pasted; says so for a moment. */
function Copy({ text, title }: { text: () => string; title: string }) {
  const [done, setDone] = useState('')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text())
      setDone('Copied')
    } catch {
      setDone('Select and copy it by hand')
    }
    setTimeout(() => setDone(''), 2500)
  }
  return (
    <button onClick={() => void copy()}>
      <span role="status">{done || title}</span>
    </button>
  )
}

const FORKED =
  'This run was forked with another setting, or began with weights of another program, which a link cannot tell. ' +
  'Take its checkpoint, or share the run it came from.'

function Link({ run }: { run: Run }) {
  const recipe = recipeOf(run)
  const problem = recipe
    ? isPublic(recipe.setting.data)
      ? ''
      : 'Your own data stay on this device, so a link cannot carry them.'
    : FORKED
  return (
    <section class="card" aria-label="A link" data-version={run.version.value}>
      <h2>A link to this training</h2>
      {problem ? (
        <p class="note">{problem}</p>
      ) : (
        <>
          <p class="soft">
            {recipe!.promise
              ? `Whoever opens it trains the same, on any machine, and must get the weights ${recipe!.promise.hash} after ${whole(recipe!.promise.step)} steps. The page says whether they do.`
              : 'Whoever opens it begins as you did. Train some steps, and it says which weights must come out.'}
          </p>
          <div class="link">
            <input type="text" readOnly aria-label="The link" data-testid="link" value={linkOf(recipe!)} />
            <Copy title="Copy" text={() => linkOf(recipeOf(run)!)} />
          </div>
        </>
      )}
    </section>
  )
}

function Program({ run }: { run: Run }) {
  const [place, setPlace] = useState<Place>('node')
  const recipe = recipeOf(run)
  if (!recipe) return null
  const code = programOf(recipe, run.data, recipe.promise?.step ?? 100, place)
  return (
    <section class="card" aria-label="The program" data-version={run.version.value}>
      <h2>The program</h2>
      <p class="soft">It trains the same network on the same batches, and ends with the same bits.</p>
      <div class="row">
        <button aria-pressed={place === 'node'} onClick={() => setPlace('node')}>
          For Node
        </button>
        <button aria-pressed={place === 'page'} onClick={() => setPlace('page')}>
          For a page
        </button>
        <Copy title="Copy" text={() => code} />
        <button onClick={() => download('train.js', code, 'text/javascript')}>Save</button>
      </div>
      <pre class="program" tabIndex={0} aria-label="The code">
        <code data-testid="program">{code}</code>
      </pre>
    </section>
  )
}
