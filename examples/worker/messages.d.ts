// What page and worker say to each other; both check their code against it.

/** From the page. */
export type Order = { type: 'train'; epochs: number; seed: number } | { type: 'cancel' }

/** From the worker. */
export type Report =
  | { type: 'progress'; epoch: number; epochs: number; batch: number; batches: number; loss: number; accuracy: number }
  /** The weights as a safetensors file: they are moved, not copied. */
  | { type: 'done'; aborted: boolean; epochs: number; accuracy: number; weights: Uint8Array<ArrayBuffer> }
  | { type: 'failed'; message: string }
