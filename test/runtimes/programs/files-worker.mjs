// In a worker: what is wrong, as the page asks. `without` names what this browser is to lack.
import { load, save } from './files.mjs'

onmessage = async ({ data: { command, folder, without } }) => {
  for (const name of without) delete FileSystemFileHandle.prototype[name]
  postMessage(await { save, load }[command](folder).catch((error) => [String(error)]))
}
