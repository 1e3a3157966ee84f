// What a page needs of a worker, of the web or of node:worker_threads, and who starts one.

/** A worker of the web, or of node:worker_threads. */
export interface WorkerHandle {
  /** Posts a message, with what is moved rather than copied. */
  postMessage(message: any, transfer: any[]): void
  /** Ends it at once. */
  terminate(): unknown
}

/** Who starts the worker of a model. */
export interface WorkerHost {
  /** The script that it runs, for errors. */
  readonly script: string
  /** What to do where that script is not found. */
  readonly advice: string
  /** What any worker needs here beside its script. */
  readonly needs: string
  /** Throws a PlanError where there are no workers. */
  start(): WorkerHandle
}

/** A worker as both kinds are: what it says, and when it ends. */
export interface Channel {
  post(message: object, transfer: Transferable[]): void
  terminate(): unknown
  /** Whether it keeps the process alive: where there is such a thing. */
  hold(held: boolean): void
}

/** What is told of a worker. */
export interface Listener {
  hear(message: unknown): void
  /** It has ended, or an error of its own has reached its top. */
  fail(why: string, cause?: unknown): void
}

type Events = Record<string, (event: any) => void>

/** Listens to a worker of either kind. */
export function openChannel(worker: WorkerHandle, { hear, fail }: Listener): Channel {
  const both = worker as WorkerHandle & {
    addEventListener?(name: string, listener: (event: any) => void): void
    on?(name: string, listener: (event: any) => void): void
    ref?(): void
    unref?(): void
  }
  const unreadable = () => fail('something that it said could not be read')
  if (both.on) {
    const events: Events = {
      message: hear,
      messageerror: unreadable,
      error: (error: unknown) => fail(`it threw ${messageOf(error)}`, error),
      exit: (code: number) => fail(`it ended, with code ${code}`),
    }
    for (const [name, listener] of Object.entries(events)) both.on(name, listener)
  } else {
    const events: Events = {
      message: ({ data }: MessageEvent) => hear(data),
      messageerror: unreadable,
      error(event: ErrorEvent) {
        // It is said by the calls that fail; Deno would end the process.
        event.preventDefault()
        fail(event.message ? `it threw ${event.message}` : 'it failed without a word', event.error ?? undefined)
      },
    }
    for (const [name, listener] of Object.entries(events)) both.addEventListener!(name, listener)
  }
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    terminate: () => worker.terminate(),
    hold: (held) => (held ? both.ref?.() : both.unref?.()),
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}
