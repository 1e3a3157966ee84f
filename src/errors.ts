/** A network, layer or option that cannot work; found when the model is created, before anything is computed. */
export class PlanError extends Error {
  /** Tells errors apart where there are two copies of the library, and instanceof does not. */
  override name = 'PlanError'
}

/** Bad data handed to a model: wrong length, labels out of range, NaN. The model is as it was before. */
export class DataError extends Error {
  /** Tells errors apart where there are two copies of the library, and instanceof does not. */
  override name = 'DataError'
}

/** A file that is damaged or another than the one wanted: weights, data, preprocessing. The model is as it was before. */
export class FileError extends Error {
  /** Tells errors apart where there are two copies of the library, and instanceof does not. */
  override name = 'FileError'
}

/** The largest size that a layer may be told: no 4 GiB hold more values, and it fits the kernels' 32-bit integers. */
export const MAX_SIZE = 2 ** 30
/** The largest kernel, stride, pad or dilation: the product of two is exact, and with an image far from 2 ** 31. */
export const MAX_WINDOW = 2 ** 20

// ---- what a function was given ----

/**
 * Throws unless at most `most` arguments were given; those that are undefined do not count, nor does one {}. Every
 * function that users call begins with it: `checkArguments('dense', arguments, 2)`. `cure` says what to do instead.
 */
export function checkArguments(where: string, args: ArrayLike<unknown>, most: number, cure = ''): void {
  for (let i = most; i < args.length; i++) {
    const surplus = args[i]
    if (surplus === undefined) continue
    if (i === most && isPlain(surplus)) {
      const [key] = readSafely(where, 'options', () => Object.keys(surplus))
      if (key === undefined) continue
      if (!most) throw unknownOption(where, key, 'it has no options')
    }
    const takes = most === 1 ? 'one argument' : `${most || 'no'} arguments`
    throw new PlanError(
      `${where}: takes ${takes}, got ${most ? 'another: ' : ''}${show(surplus)}${cure && `; ${cure}`}`,
    )
  }
}

/**
 * The options in `allowed`, each read once. Throws a PlanError if `options` has any other, or is no object with options
 * at all: an array, a Map or a promise would be ignored without a word.
 */
export function checkOptions<T extends object>(where: string, options: T, allowed: readonly string[]): T {
  return readSafely(where, 'options', () => {
    if (!hasMembers(options)) {
      const cure = typeof options === 'number' ? `; in form: { ${allowed[0]}: ${show(options)} }` : ''
      throw new PlanError(`${where}: options must be an object with ${list(allowed)}, got ${show(options)}${cure}`)
    }
    for (const key of Object.keys(options)) {
      if (!allowed.includes(key)) throw unknownOption(where, key, `allowed: ${list(allowed)}`)
    }
    const read = allowed.map((key) => [key, options[key as keyof T]])
    return Object.fromEntries(read.filter(([, value]) => value !== undefined)) as T
  })
}

function unknownOption(where: string, key: string, cure: string): PlanError {
  return new PlanError(`${where}: unknown option ${quote(key)}; ${cure}`)
}

/** Whether a value is an object that is meant for its members: a plain one, or of a class but with members. */
export function hasMembers(value: unknown): value is object {
  return isPlain(value) || (isObject(value) && !isIndexed(value) && Object.keys(value).length > 0)
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** Whether the members of an object are values one after the other: an array, a typed array, a boxed string. */
function isIndexed(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || Object.getPrototypeOf(value) === String.prototype
}

/** Whether a value is an object of no class, of whichever realm; false of what cannot be looked at, too. */
export function isPlain(value: unknown): value is object {
  if (!isObject(value)) return false
  try {
    const prototype: unknown = Object.getPrototypeOf(value)
    // That of a plain object has none itself, in every realm.
    return prototype === null || Object.getPrototypeOf(prototype) === null
  } catch {
    return false
  }
}

/** What `read` gives; if a getter, a proxy or an iterator of the user throws meanwhile, an error that says so. */
export function readSafely<T>(where: string, what: string, read: () => T, Fault: typeof DataError = PlanError): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof PlanError || cause instanceof DataError || cause instanceof FileError) throw cause
    throw new Fault(`${where}: ${what} cannot be read: ${show(cause)}`, { cause })
  }
}

/** `value`, or undefined if it is null or false: `condition && value` leaves out where that is all that it can mean. */
export function given<T>(value: T | null | false | undefined): T | undefined {
  return value === null || value === false ? undefined : value
}

/** Throws if `value` is a promise, which somebody forgot to await; `made` is how such a value comes to be. */
export function checkNoPromise(where: string, name: string, value: unknown, made = 'it first'): void {
  try {
    if (!isPromise(value)) return
  } catch {
    return
  }
  throw new PlanError(`${where}: ${name} is a promise: await ${made}`)
}

/** Whether it is a promise, or the like, of whichever realm. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return isObject(value) && typeof (value as Partial<Promise<T>>).then === 'function'
}

// ---- values of options ----

/** `value` if it is an integer from min to max, else a PlanError; `why` says what the maximum comes from. */
export function integer(
  where: string,
  name: string,
  value: unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
  why = '',
): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
  const range = typeof value === 'number' && value > max ? `at most ${max}${why}` : `at least ${min}`
  throw new PlanError(`${where}: ${name} must be an integer of ${range}, got ${show(value)}`)
}

/** One or two integers, as [vertical, horizontal]. */
export function pair(where: string, name: string, value: unknown, min: number, max = MAX_WINDOW): [number, number] {
  return readSafely(where, name, () => {
    const both = (Array.isArray(value) ? Array.from(value) : [value, value]) as unknown[]
    if (both.length !== 2) throw new PlanError(`${where}: ${name} must be one or two integers, got ${show(value)}`)
    return both.map((size) => integer(where, name, size, min, max)) as [number, number]
  })
}

/** `value` if it is a finite number from min to max, else a PlanError. */
export function finite(where: string, name: string, value: unknown, min = -Infinity, max = Infinity): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= min && value <= max) return value
  const range = min === -Infinity ? '' : max === Infinity ? ` of at least ${min}` : ` from ${min} to ${max}`
  throw new PlanError(`${where}: ${name} must be a finite number${range}, got ${show(value)}`)
}

/**
 * `epsilon`, which keeps a quotient finite where all else below its line is 0: 0 itself would not, nor what is 0 as
 * float32.
 */
export function epsilonOf(where: string, value: unknown): number {
  const epsilon = finite(where, 'epsilon', value, 0)
  if (Math.fround(epsilon) > 0) return epsilon
  throw new PlanError(
    `${where}: epsilon ${epsilon} is 0 as float32, and 0 / 0 where nothing is added to it; take 1e-8, say`,
  )
}

/** A copy of a list of numbers, each of which `check` has seen; a PlanError where it is no list, or has none. */
export function numbers(
  where: string,
  name: string,
  value: unknown,
  wanted: string,
  check: (name: string, value: unknown) => number,
): number[] {
  return readSafely(where, name, () => {
    const list = value as ArrayLike<unknown>
    const length: unknown = isObject(value) && list.length
    if (typeof length === 'number' && length >= 1 && length <= MAX_SIZE) {
      // One by one: a length alone may be anything, and gets no memory.
      const copy: number[] = []
      for (let i = 0; i < length; i++) copy.push(check(`${name}[${i}]`, list[i]))
      return copy
    }
    throw new PlanError(`${where}: ${name} must be ${wanted}, got ${show(value)}`)
  })
}

/** `value` if it is true or false, else a PlanError. */
export function flag(where: string, name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value
  throw new PlanError(`${where}: ${name} must be true or false, got ${show(value)}`)
}

/** `value` if it is one of `choices`, else a PlanError. */
export function oneOf<T extends string>(where: string, name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T
  throw new PlanError(`${where}: ${name} must be ${list(choices.map((c) => `'${c}'`))}, got ${show(value)}`)
}

/**
 * `value` if it is a function that can be called as it is, which a class cannot; else a PlanError. A `name` of '' is
 * for what a function is about.
 */
export function callable<T>(where: string, name: string, value: T, wanted: string): T {
  if (isCallable(value)) return value
  const found = typeof value === 'function' ? 'a class, which cannot be called' : show(value)
  throw new PlanError(`${where}: ${name ? `${name} must be` : 'wants'} ${wanted}, got ${found}`)
}

function isCallable(value: unknown): boolean {
  if (typeof value !== 'function') return false
  try {
    // The prototype of a class, and of nothing else that can be written, is not to be replaced.
    return Object.getOwnPropertyDescriptor(value, 'prototype')?.writable !== false
  } catch {
    return false
  }
}

// ---- values in messages ----

/** Characters of a value in a message, and of a name. */
const WIDTH = 50
const NAME_WIDTH = 40
/** How many members of an array or object are shown at most, and how deep. */
const MEMBERS = 8
const DEPTH = 2

/**
 * A value for an error message: about `width` characters at most, 80 unless given, at once, whatever it is. It looks at a
 * few members only, and calls nothing of the value's own: no getter, no toJSON, no toString. What JSON can write, and is
 * short, is as JSON has it.
 */
export function show(value: unknown, width = WIDTH): string {
  return write(value, width, 0)
}

/** A name that a user gave, for an error message, in quotes: short, whatever its length and its characters. */
export function quote(name: unknown): string {
  return typeof name === 'string' ? `'${brief(name)}'` : show(name)
}

/** A name that a user gave, as quote has it, without the quotes. */
export function brief(name: string): string {
  return shorten(name, NAME_WIDTH)
}

/** The end of the path of a layer, for a network may be nested deeply. */
export function endOf(path: string): string {
  return path.length > 80 ? `...${path.slice(-77)}` : path
}

/** The first of a few numbers, such as the sizes of a shape, or of a few names. */
export function few(values: ArrayLike<number | string>): string {
  const first = Array.from({ length: Math.min(values.length, MEMBERS) }, (_, i) => brief(String(values[i]))).join(', ')
  return values.length > MEMBERS ? `${first}, ...` : first
}

/** `room` is how many characters there are for it. */
function write(value: unknown, room: number, depth: number): string {
  switch (typeof value) {
    case 'string': {
      const text = shorten(value, room)
      return `"${text}"${text.endsWith('...') && value.length > room ? ` (${value.length} characters)` : ''}`
    }
    case 'bigint':
      // To write out a long one takes the square of its length.
      return value < 1n << 128n && value > -1n << 128n ? `${value}n` : 'a bigint of many digits'
    case 'symbol':
      return `Symbol(${shorten(value.description ?? '', room)})`
    case 'function':
      return 'a function'
  }
  if (!isObject(value)) return Object.is(value, -0) ? '-0' : String(value)
  try {
    return writeObject(value, room, depth)
  } catch {
    return 'an object that cannot be read'
  }
}

function writeObject(value: object, room: number, depth: number): string {
  const isList = Array.isArray(value)
  const isView = ArrayBuffer.isView(value) && !(value instanceof DataView)
  if (value instanceof Promise || (!isList && !isView && typeof memberOf(value, 'then')?.value === 'function')) {
    return 'a promise (await it first)'
  }
  const name = nameOf(value)
  if (value instanceof Error) return `${name}(${writeMember(value, 'message', room, depth)})`
  // Not of others, where it may be a getter.
  const length = isList || isView ? (value as ArrayLike<unknown>).length : 0
  // No more members are looked at than may be shown, and one to know that there are more.
  const keys: string[] = []
  for (let i = 0; i < length && i <= MEMBERS; i++) keys.push(String(i))
  if (!isIndexed(value)) for (const key in value) if (Object.hasOwn(value, key) && keys.push(key) > MEMBERS) break
  let text = ''
  let whole = true
  for (const [i, key] of keys.entries()) {
    const label = isList || isView ? '' : `"${shorten(key, 20)}":`
    const left = room - text.length
    const fits = depth < DEPTH && i < MEMBERS && left > 4
    const member = fits ? label + writeMember(value, key, left - label.length, depth) : ''
    whole = fits && member.length <= left
    text += `${text && ','}${whole ? member : '...'}`
    if (!whole) break
  }
  if (isList) return whole ? `[${text}]` : `Array(${length}) [${text}]`
  if (isView) return `${name}(${length}) [${text}]`
  if (name === 'Object') return `{${text}}`
  return text ? `${name} {${text}}` : `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
}

function writeMember(value: object, key: string, room: number, depth: number): string {
  const member = memberOf(value, key)
  if (!member) return 'empty'
  return member.get ? 'a getter' : write(member.value, room, depth + 1)
}

function memberOf(value: object, key: string): PropertyDescriptor | undefined {
  return Object.getOwnPropertyDescriptor(value, key)
}

/** The name of the class of an object. */
function nameOf(value: object): string {
  for (let at: object | null = Object.getPrototypeOf(value); at; at = Object.getPrototypeOf(at)) {
    const made: unknown = memberOf(at, 'constructor')?.value
    const name: unknown = typeof made === 'function' && memberOf(made, 'name')?.value
    if (typeof name === 'string' && name) return shorten(name, 20)
  }
  return 'Object'
}

/** The beginning of a text, on one line, with what would spoil the line or end the quotation escaped. */
function shorten(text: string, room: number): string {
  let short = ''
  let beginning = ''
  // No more is looked at than may fit.
  for (const c of text.slice(0, room + 1)) {
    const code = `\\u{${c.codePointAt(0)!.toString(16)}}`
    short += /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(c) ? code : c.replace(/["\\]/, '\\$&')
    if (short.length > room) return `${beginning}...`
    if (short.length <= room - 3) beginning = short
  }
  return short
}

/** So many of something: `1 row`, `2 rows`. */
export function count(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

function list(names: readonly string[]): string {
  return names.join(', ')
}

// ---- notes ----

const noted = new Set<string>()

/**
 * Tells the user, once in a process, what is no error but probably not meant: by console.warn, so that nothing that
 * works stops working.
 */
export function note(message: string): void {
  if (noted.has(message) || noted.size >= 100) return
  noted.add(message)
  console.warn(`v128: ${message}`)
}
