// Batches for fit and evaluate, one interface over arrays, iterables and async iterables.

import {
  type Data,
  type Numbers,
  type TypedNumbers,
  checkTargetRows,
  checkValues,
  copyLabels,
  copyRows,
  countRows,
  isTyped,
  recheckTargets,
  readData,
  readLabels,
  readRows,
  viewBatches,
  viewRows,
} from '../data/batches'
import { checkIds, readIds } from '../data/ids'
import { memberName, membersOf } from '../data/named'
import { type AsyncBatches, type Batches, isStream, openBatches } from '../data/stream'
import { DataError, PlanError, callable, checkNoPromise, count, isObject, isPromise, readSafely, show } from '../errors'
import { checksumOf } from '../io/checksum'
import type { Value } from '../plan/value'
import type { Floats } from '../tensor'
import { type Core, type Entry, within } from './core'
import { type Besides, loadLengths, loadWeights, readLengths, readWeights, settleCounts } from './counts'
import { seenBy } from './door'
import { settle } from './step'

/** Where batches come from, in the order in which they are taken. */
export interface Feed {
  /** The first call of a pass over one of them. */
  readonly first: number
  /** In an epoch; NaN where that is not known ahead. */
  readonly rows: number
  readonly batches: number
  /** Begins an epoch; `order`, if given, is that of the rows. Whether next() gives promises. */
  start(epoch: number, order?: ArrayLike<number>): boolean
  /** Gets the next batch; false where there is none. */
  next(): boolean | Promise<boolean>
  /** Loads it into the model; returns its rows. */
  load(): number
  /** Leaves batches of the epoch out as if they had been taken. What an iterable does not keep is taken by next(). */
  skip(batches: number): void
  /** A checksum of the batch that was taken, and of those before it, of which it was `before`; '' where all is in memory. */
  sumWith(before: string): string
  /** A checksum of all there is; '' where that is not known ahead. */
  sum(): string
  /** Ends an epoch, also in its middle. */
  close(): unknown
}

/** Changes the first n rows of a batch in place, before the pass of that number. */
export type Transform = (input: any, n: number, pass: number) => void

/** Data that has been read once and checked: rows of x for each input, and their targets for each output. */
export interface Checked extends Besides {
  readonly rows: number
  readonly x: readonly TypedNumbers[]
  readonly y: readonly TypedNumbers[]
  /** What the names of x and y begin with in an error, where loadBatch is to look at their values: nobody has yet. */
  readonly unseen?: string | undefined
}

/** Views of the examples and, where they are no labels, of the targets, for copyRows. */
interface Views {
  readonly x: readonly (readonly TypedNumbers[] | undefined)[]
  readonly y: readonly (readonly TypedNumbers[] | undefined)[]
}

function viewsOf(
  { inputs, heads }: Core,
  { x, y }: Checked,
  view: (values: TypedNumbers, size: number) => readonly TypedNumbers[] | undefined,
): Views {
  return {
    x: inputs.map(({ value }, i) => view(x[i], value.size)),
    y: heads.map(({ target, classes }, i) => (classes ? undefined : view(y[i], target.size))),
  }
}

/** Throws a DataError where numbers are handed in for { x, y }; `form` is what to write instead. */
export function checkOneObject(
  where: string,
  data: unknown,
  what = 'data',
  form = what === 'data' ? `${where}({ x, y })` : '{ x, y }',
): void {
  if (isStream(data) || !(ArrayBuffer.isView(data) || readSafely(where, what, () => Array.isArray(data)))) return
  throw new DataError(`${where}: ${what} must be one object { x, y }, got an array; hand in ${form}`)
}

/**
 * Reads and checks data before a run, its members, rows, labels and every number, but for those of a `batch`, at which
 * loadBatch looks; no pass changes what it gives.
 */
export function checkData(where: string, core: Core, data: Data, name = '', isBatch = false): Checked {
  const what = name.replace(/\W+$/, '') || 'data'
  checkNoPromise(where, what, data)
  checkOneObject(where, data, what)
  const { names } = core
  const named = { x: names.inputs.length > 0, y: names.outputs.length > 0 }
  const { x, y, ...beside } = readData(where, data, what, ['weight', 'lengths'], named)
  const checked = checkRows(core, x, y, name, isBatch, beside)
  const own = (values: TypedNumbers) => apart(core, values)
  return { ...checked, x: checked.x.map(own), y: checked.y.map(own) }
}

/** The values, copied if they lie in the memory of the model, such as in `model.input`: passes write there. */
export function apart<T extends TypedNumbers>({ engine }: Core, values: T): T {
  return values.buffer === engine.buffer ? (values.slice() as T) : values
}

/**
 * Rows of an input or of an output. With `later`, true unless given, what is typed is not looked at: checkLoaded does so
 * once it is copied, in a sixth of the time.
 */
export function readValue(
  { dtype }: Core,
  name: string,
  x: Numbers,
  { size, shape, ids }: Pick<Value, 'shape' | 'size' | 'ids'>,
  later = true,
  probabilities = false,
): TypedNumbers {
  if (ids) return readIds(name, x, size, shape, ids.below)
  if (!later || probabilities || !isTyped(x)) return readRows(name, x, size, shape, dtype, probabilities)
  countRows(name, x, size, shape)
  return x
}

/** Reads and checks x, y and what is beside them; with `later`, true unless given, loadBatch looks at the values. */
export function checkRows(
  core: Core,
  x: unknown,
  y: unknown,
  name = '',
  later = true,
  beside?: { readonly weight?: unknown; readonly lengths?: unknown },
): Checked {
  const { names, heads } = core
  // Loops, and no lists or functions made in vain: it is called in each step.
  const examples = Array<TypedNumbers>(core.inputs.length)
  const rows = readInputs(core, `${name}x`, x, examples, later)
  const lengths = readLengths(core, name, beside?.lengths, rows)
  const given = names.outputs.length ? membersOf('', `${name}y`, names.outputs, y) : undefined
  const all = Array<TypedNumbers>(heads.length)
  for (let i = 0; i < heads.length; i++) {
    const { classes, targets, name: own, target, sequence } = heads[i]
    const what = memberName(`${name}y`, own)
    const one = (given ? given[i] : y) as Numbers
    const read = classes
      ? readLabels(
          what,
          one,
          rows,
          classes,
          sequence && lengths ? { ...heads[i], lengths: lengths[core.inputs.indexOf(sequence)] } : heads[i],
        )
      : readValue(core, what, one, target, later, targets === 'probabilities')
    if (!classes) checkTargetRows(what, read.length, target.size, rows)
    all[i] = read
  }
  const weight = readWeights(core, name, beside?.weight, rows)
  return { rows, x: examples, y: all, weight, lengths, unseen: later ? name : undefined }
}

/**
 * Reads and checks the examples of each input, `later` as readValue, true unless given; they go into `to`. How many there
 * are, as many for each.
 */
export function readInputs(core: Core, name: string, x: unknown, to: TypedNumbers[], later = true): number {
  const { names, inputs } = core
  const given = names.inputs.length ? membersOf('', name, names.inputs, x) : undefined
  let rows = NaN
  for (let i = 0; i < inputs.length; i++) {
    const { name: own, value } = inputs[i]
    const read = readValue(core, memberName(name, own), (given ? given[i] : x) as Numbers, value, later)
    to[i] = read
    if (i) checkSameRows(inputs, name, i, read.length / value.size, rows)
    else rows = read.length / value.size
  }
  return rows
}

/** Throws a DataError where one of several has other rows than the first. */
export function checkSameRows(
  of: readonly { readonly name: string }[],
  what: string,
  at: number,
  rows: number,
  first: number,
): void {
  if (rows === first) return
  const [before, other] = [of[0], of[at]].map(({ name }) => memberName(what, name))
  throw new DataError(`${other}: ${count(rows, 'row')}, but ${before} has ${count(first, 'row')}`)
}

/** Throws a DataError where there are more rows than a pass can take. */
export function checkBatch(where: string, core: Core, rows: number, name = ''): void {
  if (rows <= core.batch) return
  throw new DataError(
    `${where}: ${name}${rows} rows, but the model was planned for at most ${core.batch}; ` +
      `hand in fewer, or create it with batch: ${rows}`,
  )
}

/**
 * Throws a DataError that names the first of the rows of `what` with something that is no finite number. n of them are in
 * the memory of the model at `to`, where a kernel looks at them.
 */
export function checkLoaded(
  core: Core,
  what: string,
  name: string,
  rows: TypedNumbers,
  n: number,
  size: number,
  to: Floats,
): void {
  if (core.engine.kernels.firstNotFinite(n * size, to.byteOffset) < 0) return
  // They may lie in the memory of the model, where the copy changed them.
  for (const values of [rows, to.subarray(0, n * size)]) checkValues(memberName(what, name), values, size, core.dtype)
}

/** Puts n rows of x into each input, and, where `name` is that of all of them, looks at them there. */
export function loadInputs(
  core: Core,
  x: readonly TypedNumbers[],
  n: number,
  name?: string,
  all = x,
  rows?: ArrayLike<number>,
  first = 0,
  views?: Views['x'],
  lengths?: Besides['lengths'],
): void {
  const { inputs } = core
  const before = core.rows
  // The pass before needs what was there: should the rows be refused, nothing can go back through it.
  core.rows = 0
  loadLengths(core, lengths, n, rows, first)
  for (let i = 0; i < inputs.length; i++) {
    const { value, tensor, name: own } = inputs[i]
    copyRows(x[i], value.size, tensor.data, n, rows, first, views?.[i])
    if (value.ids) checkLoadedIds(core.inputs[i], name ?? 'x', n)
    else if (name !== undefined) checkLoaded(core, name, own, all[i], n, value.size, tensor.data)
  }
  core.rows = before
}

/** Throws a DataError unless the n loaded examples are ids: an array may have changed since it was checked. */
function checkLoadedIds({ value: { ids, size }, tensor, name }: Entry, what: string, n: number): void {
  checkIds(`${memberName(what, name)}, in this batch`, tensor.data, n * size, size, ids!.below)
}

/**
 * Puts n rows, rows[first] and on or, without `rows`, first and on, where the next pass finds them. `views` are those
 * that copyRows takes, for speed.
 */
export function loadBatch(
  core: Core,
  { x, y, weight, lengths, unseen }: Checked,
  n: number,
  rows?: ArrayLike<number>,
  first = 0,
  views?: Views,
): void {
  settle('the batch', core)
  const { heads } = core
  const before = core.rows
  if (lengths) {
    // As in loadInputs: what is loaded of a batch that is refused is not what the pass before had.
    core.rows = 0
    loadLengths(core, lengths, n, rows, first)
  }
  for (let i = 0; i < heads.length; i++) {
    const { classes, labels, values, target, targets, positions, ignoreIndex, counts } = heads[i]
    loadWeights(heads[i], weight?.[i], lengths !== undefined, n, rows, first)
    const weights = counts.alike ? undefined : counts.weights
    if (classes) copyLabels(y[i], classes, labels, n, rows, first, positions, ignoreIndex, weights)
    else {
      copyRows(y[i], target.size, values, n, rows, first, views?.y[i])
      if (targets === 'probabilities') recheckTargets(values, n, target.size)
    }
    settleCounts(heads[i], n)
  }
  loadInputs(core, x, n, unseen === undefined ? undefined : `${unseen}x`, x, rows, first, views?.x, lengths)
  core.rows = before
  for (let i = 0; i < heads.length && unseen !== undefined; i++) {
    const { classes, name, values, target } = heads[i]
    if (!classes) checkLoaded(core, `${unseen}y`, name, y[i], n, target.size, values)
  }
}

/** Lets a function of the user's change the n loaded rows, within which the model can do nothing else. */
export function transformBatch(where: string, core: Core, transform: Transform | undefined, n: number): void {
  if (!transform) return
  const { counters, tensors } = core
  const result: unknown = within(where, core, `the transform of ${where}`, transform, tensors.input, n, counters.passes)
  for (let i = 0; i < core.inputs.length; i++) {
    if (core.inputs[i].value.ids) checkLoadedIds(core.inputs[i], `${where}: the transform left an input that`, n)
  }
  if (!isPromise(result)) return
  // Nobody waits for it, so nobody would see it fail.
  result.then(undefined, () => {})
  throw new PlanError(
    `${where}: transform gave a promise, but the batch is used at once; change it before transform returns, or hand in ` +
      'an async iterable of batches',
  )
}

/** Batches of at most `batch` of all rows: of those in `order` and as it has them, if given. */
export function arrayFeed(core: Core, data: Checked, batch: number, order?: ArrayLike<number>, dropLast = false): Feed {
  const all = order?.length ?? data.rows
  const rows = dropLast ? all - (all % batch) : all
  let current = order
  // Made when they are first of use.
  let shuffledViews: Views | undefined
  let plainViews: Views | undefined
  let first = 0
  return {
    first: core.first,
    rows,
    batches: Math.ceil(rows / batch),
    start(_, shuffled = order) {
      current = shuffled
      first = 0
      if (current) shuffledViews ??= viewsOf(core, data, viewRows)
      else plainViews ??= viewsOf(core, data, (values, size) => viewBatches(values, size, batch))
      return false
    },
    next: () => first < rows,
    load() {
      const n = Math.min(batch, rows - first)
      loadBatch(core, data, n, current, first, current ? shuffledViews : plainViews)
      first += n
      return n
    },
    skip(batches) {
      first = batches * batch
    },
    sumWith: () => '',
    sum: () => sumOf('', ...numbersOf(data)),
    close() {},
  }
}

/** The batches of an iterable, each checked when it comes. */
export function streamFeed(where: string, core: Core, source: Batches | AsyncBatches, name = ''): Feed {
  const what = name || 'data'
  if (typeof source === 'function') callable(where, what, source, 'a function that gives batches')
  let iterator: Iterator<Data> | AsyncIterator<Data>
  let finished = true
  let epoch = 0
  let index = 0
  let current: Checked
  const take = (result: IteratorResult<Data>): boolean => {
    if (!isObject(result)) {
      throw new DataError(`${where}: ${what}: its iterator's next() must give { value, done }, got ${show(result)}`)
    }
    const { done, value } = result
    if (done) {
      finished = true
      if (index) return false
      const cure = epoch ? '; an iterator runs once: hand in a function that makes one for each epoch' : ''
      throw new DataError(`${where}: ${what} gave no batch in epoch ${epoch}${cure}`)
    }
    const prefix = `${name && `${name}, `}batch ${index++} of epoch ${epoch}: `
    current = checkData(where, core, value, prefix, true)
    checkBatch(where, core, current.rows, prefix)
    return true
  }
  return {
    first: 0,
    rows: NaN,
    batches: NaN,
    start(number) {
      epoch = number
      index = 0
      const opened = openBatches(where, what, source, number)
      iterator = opened.iterator
      finished = false
      return opened.isAsync
    },
    next() {
      const result = iterator.next()
      return isPromise(result) ? result.then(take) : take(result)
    },
    load() {
      loadBatch(core, current, current.rows)
      return current.rows
    },
    skip() {},
    sumWith: (before) => sumOf(before, ...numbersOf(current).flatMap(endsOf)),
    sum: () => '',
    close() {
      if (finished) return
      finished = true
      return iterator.return?.()
    },
  }
}

/** Data that is checked now, or batches that are checked as they come. */
export function feedOf(where: string, core: Core, data: Data | Batches | AsyncBatches, name = ''): Feed {
  if (isStream(data)) return streamFeed(where, core, data, name)
  const seen = seenBy(where, core, data)
  return arrayFeed(seen, checkData(where, seen, data, name && `${name}.`), core.batch)
}

/** Those that are there. */
export function given<T>(list: readonly (T | undefined)[]): readonly T[] {
  return list.filter((one) => one !== undefined)
}

/** All numbers of data. */
function numbersOf({ x, y, weight = [], lengths = [] }: Checked): readonly TypedNumbers[] {
  return [...x, ...y, ...given(weight), ...given(lengths)]
}

const encoder = /* @__PURE__ */ new TextEncoder()

/** So many numbers at either end tell a batch from others: all of them would take a hundredth of a step. */
const ENDS = 256

function endsOf(numbers: TypedNumbers): readonly TypedNumbers[] {
  return [numbers.subarray(0, ENDS), numbers.subarray(Math.max(ENDS, numbers.length - ENDS))]
}

/** The checksum of `before`, itself a checksum or '', and of the numbers behind it. */
export function sumOf(before: string, ...numbers: readonly TypedNumbers[]): string {
  const parts = numbers.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength))
  return checksumOf(encoder.encode(before), ...parts)
}
