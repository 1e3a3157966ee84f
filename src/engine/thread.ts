// What a worker runs that computes shares of calls. build.mjs makes one text of it, behind a line that declares `port`,
// to the main thread. A worker that waits for calls reads no messages: the main thread asks it to, by a word of the block.

import { type Block, Word, type Routine, blockOf, endShare, runShare, takeShare } from './shares'

/** What the main thread sends. */
export type Message =
  /** First of all. */
  | { readonly kind: 'begin'; readonly block: SharedArrayBuffer; readonly thread: number }
  /** A model: its kernels by number. */
  | {
      readonly kind: 'model'
      readonly model: number
      readonly modules: readonly WebAssembly.Module[]
      readonly memory: WebAssembly.Memory
      readonly kernels: readonly string[]
    }
  | { readonly kind: 'forget'; readonly model: number }
  /** Waits for calls, until it was asked to read messages more than so many times. */
  | { readonly kind: 'serve'; readonly pauses: number }

/** What it answers: the number of a model that is there, or what went wrong. */
export type Answer = { readonly model: number } | { readonly error: string }

declare const port: {
  onmessage: ((event: { data: Message }) => void) | null
  postMessage(answer: Answer): void
}

let block: Block
let thread = 0
const models = new Map<number, readonly Routine[]>()

port.onmessage = ({ data }) => {
  try {
    receive(data)
  } catch (error) {
    port.postMessage({ error: String(error) })
  }
}

function receive(message: Message): void {
  if (message.kind === 'begin') {
    block = blockOf(message.block)
    thread = message.thread
  } else if (message.kind === 'model') {
    const { modules, memory, kernels, model } = message
    const exports: Record<string, unknown> = {}
    for (const module of modules) Object.assign(exports, new WebAssembly.Instance(module, { env: { memory } }).exports)
    const routines = kernels.map((name): Routine => {
      const run = exports[name] as Routine['run']
      // Of mixed kinds from the start: an array of doubles would make an object of each at every call.
      return { run, args: Array<undefined>(run.length).fill(undefined) }
    })
    models.set(model, routines)
    port.postMessage({ model })
  } else if (message.kind === 'forget') {
    models.delete(message.model)
  } else {
    serve(message.pauses)
  }
}

function serve(pauses: number): void {
  const { words } = block
  let looked = 0
  while (Atomics.load(words, Word.Pauses) === pauses) {
    const share = takeShare(block)
    if (share >= 0) {
      compute(share)
      looked = 0
      continue
    }
    if (looked++ < words[Word.Spins]) continue
    const state = Atomics.load(words, Word.State)
    Atomics.add(words, Word.Sleepers, 1)
    // Whoever has something new changes the state first, and then looks for sleepers.
    if ((state & 255) === 0 && Atomics.load(words, Word.Pauses) === pauses) Atomics.wait(words, Word.State, state)
    Atomics.sub(words, Word.Sleepers, 1)
    looked = 0
  }
}

function compute(share: number): void {
  const { words } = block
  try {
    runShare(block, share, models.get(words[Word.Model])![words[Word.Kernel]], thread)
  } catch (error) {
    Atomics.store(words, Word.Failed, 1)
    port.postMessage({ error: String(error) })
  }
  endShare(block)
}
