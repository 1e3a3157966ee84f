import { trainOnThreads } from './threads.mjs'

onmessage = async () => {
  postMessage(await trainOnThreads().catch((error) => ({ error: String(error) })))
}
