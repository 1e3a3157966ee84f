// A call that several threads compute, as numbers in a block of memory that they share: which kernel it is, its
// arguments, and how they change from share to share. Whoever is free takes the next share, the main thread too, so
// that a thread which comes late, or has ended, leaves nothing undone.

/** Words of the block. */
export const enum Word {
  /** 256 times the number of the call, and how many of its shares nobody has taken. */
  State,
  /** Shares that are done. */
  Done,
  /** Threads that wait for a call. */
  Sleepers,
  /** How often the threads were asked to read their messages. */
  Pauses,
  /** Whether a share was left undone by an error. */
  Failed,
  /** The number of the model whose kernels compute it. */
  Model,
  /** The number of the kernel in the table of the model. */
  Kernel,
  /** How many shares the call has, how many units they are of, and of how many units a share should be a multiple. */
  Shares,
  Units,
  Grain,
  /** How many arguments it has, and which of them is the scratch; -1 if none is. */
  Arguments,
  Scratch,
  /** Bytes between the scratches of two threads. */
  ScratchBytes,
  /** How often to look for the next call before sleeping. */
  Spins,
}

/** Of a kernel. */
export const MOST_ARGUMENTS = 32
const WORDS = 16

/** The block of a thread and its workers. */
export interface Block {
  readonly words: Int32Array
  /** Arguments of the whole call. */
  readonly whole: Float64Array
  /** What is added to an argument for each unit before the share: that of a pointer, in bytes. */
  readonly step: Float64Array
  /** Sizes: for an argument that is not 0 here, so much for each unit of the share is the argument. */
  readonly perUnit: Float64Array
}

export const BLOCK_BYTES = 4 * WORDS + 3 * 8 * MOST_ARGUMENTS

export function blockOf(buffer: SharedArrayBuffer): Block {
  const numbers = (i: number) => new Float64Array(buffer, 4 * WORDS + 8 * MOST_ARGUMENTS * i, MOST_ARGUMENTS)
  return { words: new Int32Array(buffer, 0, WORDS), whole: numbers(0), step: numbers(1), perUnit: numbers(2) }
}

/** A kernel of a model, and its arguments, which are filled again and again. */
export interface Routine {
  readonly run: (...args: unknown[]) => unknown
  readonly args: unknown[]
}

/** Takes a share of the call in work, if there is one that nobody has: its number, or -1. */
export function takeShare({ words }: Block): number {
  for (;;) {
    const state = Atomics.load(words, Word.State)
    if ((state & 255) === 0) return -1
    // From here on the call stays as it is until this share is done.
    if (Atomics.compareExchange(words, Word.State, state, state - 1) === state) return (state & 255) - 1
  }
}

/** The first unit of a share. */
function firstOf(share: number, shares: number, units: number, grain: number): number {
  if (share === shares) return units
  const at = (share * units) / shares
  return Math.floor(at / grain) * grain
}

/** The arguments of a part of the call: so many units from the first on, with the scratch of a thread. */
export function fillArguments(
  { words, whole, step, perUnit }: Block,
  first: number,
  count: number,
  thread: number,
  args: unknown[],
): void {
  for (let i = 0; i < words[Word.Arguments]; i++) {
    // A pointer to nothing stays one.
    let value = whole[i] && whole[i] + step[i] * first
    if (perUnit[i]) value = perUnit[i] * count
    if (i === words[Word.Scratch]) value += thread * words[Word.ScratchBytes]
    // Writing a number that is not small makes an object of it.
    if (args[i] !== value) args[i] = value
  }
}

/** Computes a share of the call, with the kernel of its model. */
export function runShare(block: Block, share: number, { run, args }: Routine, thread: number): void {
  const { words } = block
  const shares = words[Word.Shares]
  const units = words[Word.Units]
  const grain = Math.max(1, Math.min(words[Word.Grain], Math.floor(units / shares)))
  const first = firstOf(share, shares, units, grain)
  fillArguments(block, first, firstOf(share + 1, shares, units, grain) - first, thread, args)
  Reflect.apply(run, undefined, args)
}

/** Says that a share is done, and wakes the main thread where it was the last one. */
export function endShare({ words }: Block): void {
  if (Atomics.add(words, Word.Done, 1) + 1 === words[Word.Shares]) Atomics.notify(words, Word.Done)
}
