import { trainAll } from './digest.mjs'

onmessage = async ({ data }) => {
  postMessage(await trainAll(data).catch((error) => ({ error: String(error) })))
}
