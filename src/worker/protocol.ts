// What a page and the worker of its model say to each other.

/** Tells these messages from others of the same worker, and this version of them from others. */
export const PROTOCOL = 'v128.worker.1'

/** What cannot be posted, and stays in the page: the worker asks for it by its number. */
export type Link =
  /** A function: a callback of fit. */
  | { readonly kind: 'function'; readonly id: number }
  /** Batches that come one after the other. */
  | { readonly kind: 'stream'; readonly id: number }
  /** An AbortSignal; an order tells when it is aborted. */
  | { readonly kind: 'signal'; readonly aborted: boolean }

/** Values that are posted, and at which places among them links stand. */
export interface Parcel {
  readonly values: readonly unknown[]
  readonly links: readonly (readonly [path: readonly (string | number)[], link: Link])[]
}

/** An error as plain data. */
export interface PlainError {
  /** Of something that the page's own code threw: by which number it is known there. */
  readonly thrown?: number
  readonly name: string
  readonly message: string
  readonly stack?: string | undefined
  readonly cause?: PlainError | undefined
}

/** A network, a loss and an optimizer as JSON, and the options of createModel that are posted as they are. */
export interface Recipe {
  readonly parts: string
  readonly options: object
}

/** What a model is that was made. */
export interface Facts {
  readonly backend: 'wasm' | 'js'
  readonly dtype: 'float64' | 'float32'
  readonly batch: number
  readonly seed: number
  readonly threads: number
  readonly memory: object
}

/** What the page asks for; each is answered. */
export type Deed =
  /** createModel, with a Recipe, or loadModel, with the bytes and a Recipe. */
  | 'create'
  | 'load'
  /** A method, with its arguments. */
  | 'call'
  /** A study of the model, with what follows the model among its arguments. */
  | 'study'
  /** A property; its value is the one argument of 'set'. */
  | 'get'
  | 'set'

/** From the page. */
export type Order =
  /** The worker says that it is ready, once more if it has said so before. */
  | { readonly type: 'hello' }
  | { readonly type: 'do'; readonly id: number; readonly deed: Deed; readonly name: string; readonly parcel: Parcel }
  /** The signal of a call was aborted. */
  | { readonly type: 'abort'; readonly id: number }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'refuse'; readonly id: number; readonly error: PlainError }

/** What the worker asks of a link: to call the function, or to begin an epoch, to give a batch, to end it. */
export type Question = 'call' | 'open' | 'next' | 'close'

/** From the worker. */
export type Report =
  | { readonly type: 'ready' }
  /** The worker holds the lock of this name for as long as it lives. */
  | { readonly type: 'lock'; readonly name: string }
  /** An order arrived that could not be read; which, nobody knows. */
  | { readonly type: 'unread' }
  | { readonly type: 'done'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failed'; readonly id: number; readonly error: PlainError }
  | {
      readonly type: 'ask'
      readonly id: number
      readonly link: number
      readonly question: Question
      readonly args: readonly unknown[]
    }

/** A message as it is posted. */
export type Marked<T> = T & { readonly v128: typeof PROTOCOL }

/** Marks a message as one of these. */
export function marked<T extends object>(message: T): Marked<T> {
  return { ...message, v128: PROTOCOL }
}

/** Whether a message is one of these. */
export function isMarked<T extends object>(message: unknown): message is Marked<T> {
  return typeof message === 'object' && message !== null && (message as Partial<Marked<T>>).v128 === PROTOCOL
}
