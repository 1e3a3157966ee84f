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
      if (!most) throw new PlanError(`${where}: unknown option ${quote(key)}; it has no options`)
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
      throw new PlanError(`${where}: options must be an object with ${list(allowed)}, got ${show(options)}`)
    }
    for (const key of Object.keys(options)) {
      if (!allowed.includes(key))
        throw new PlanError(`${where}: unknown option ${quote(key)}; allowed: ${list(allowed)}`)
    }
    const read: Record<string, unknown> = {}
    for (const key of allowed) {
      const value = (options as Record<string, unknown>)[key]
      if (value !== undefined) read[key] = value
    }
    return read as T
  })
}

/** Whether a value is an object that is meant for its members: a plain one, or of a class but with members. */
export function hasMembers(value: unknown): value is object {
  if (isPlain(value)) return true
  if (value === null || typeof value !== 'object' || isIndexed(value)) return false
  return Object.keys(value).length > 0
}

/** Whether the members of an object are values one after the other: an array, a typed array, a boxed string. */
function isIndexed(value: object): boolean {
  return Array.isArray(value) || ArrayBuffer.isView(value) || Object.getPrototypeOf(value) === String.prototype
}

/** Whether a value is an object of no class, of whichever realm; false of what cannot be looked at, too. */
export function isPlain(value: unknown): value is object {
  if (value === null || typeof value !== 'object') return false
  try {
    const prototype: unknown = Object.getPrototypeOf(value)
    // That of a plain object has none itself, in every realm.
    return prototype === null || Object.getPrototypeOf(prototype) === null
  } catch {
    return false
  }
}

/** What `read` gives; if a getter, a proxy or an iterator of the user throws meanwhile, a PlanError that says so. */
export function readSafely<T>(where: string, what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (isOurs(error)) throw error
    throw new PlanError(`${where}: ${what} cannot be read: ${show(error)}`, { cause: error })
  }
}

function isOurs(error: unknown): boolean {
  return error instanceof PlanError || error instanceof DataError || error instanceof FileError
}

/** `value`, or undefined if it is null or false: `condition && value` leaves out where that is all that it can mean. */
export function given<T>(value: T | null | false | undefined): T | undefined {
  return value === null || value === false ? undefined : value
}

/** Throws if `value` is a promise, which somebody forgot to await; `made` is how such a value comes to be. */
export function checkNoPromise(where: string, name: string, value: unknown, made = 'it first'): void {
  if (isPromise(value)) throw new PlanError(`${where}: ${name} is a promise: await ${made}`)
}

function isPromise(value: unknown): boolean {
  try {
    return typeof value === 'object' && typeof (value as PromiseLike<unknown> | null)?.then === 'function'
  } catch {
    return false
  }
}

// ---- values of options ----

/** `value` if it is an integer from min to max, else a PlanError. */
export function integer(
  where: string,
  name: string,
  value: unknown,
  min: number,
  max = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value
  const range = typeof value === 'number' && value > max ? `at most ${max}` : `at least ${min}`
  throw new PlanError(`${where}: ${name} must be an integer of ${range}, got ${show(value)}`)
}

/** One or two integers, as [vertical, horizontal]. */
export function pair(where: string, name: string, value: unknown, min: number, max = MAX_WINDOW): [number, number] {
  const [vertical, horizontal] = readSafely(where, name, () => {
    if (!Array.isArray(value)) return [value, value]
    if (value.length !== 2) throw new PlanError(`${where}: ${name} must be one or two integers, got ${show(value)}`)
    return value as unknown[]
  })
  return [integer(where, name, vertical, min, max), integer(where, name, horizontal, min, max)]
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
    const length: unknown = value !== null && typeof value === 'object' ? list.length : undefined
    if (typeof length !== 'number' || !(length >= 1 && length <= MAX_SIZE)) {
      throw new PlanError(`${where}: ${name} must be ${wanted}, got ${show(value)}`)
    }
    const copy: number[] = []
    for (let i = 0; i < length; i++) copy.push(check(`${name}[${i}]`, list[i]))
    return copy
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
  const found = typeof value === 'function' ? 'a class, or what else cannot be called' : show(value)
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
 * A value for an error message: about `width` characters at most, at once, whatever it is. It looks at a few members only, and
 * calls nothing of the value's own: no getter, no toJSON, no toString. What JSON can write, and is short, is as JSON has it.
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
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
      // To write out a long one takes the square of its length.
      return value < 1n << 128n && value > -1n << 128n ? `${value}n` : 'a bigint of more than 38 digits'
    case 'symbol':
      return `Symbol(${shorten(value.description ?? '', room)})`
    case 'function':
      return 'a function'
    case 'object':
      try {
        return value === null ? 'null' : writeObject(value, room, depth)
      } catch {
        return 'an object that cannot be read'
      }
    default:
      return String(value)
  }
}

function writeObject(value: object, room: number, depth: number): string {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const { length } = value as ArrayLike<unknown>
    const indices = function* () {
      for (let i = 0; i < length; i++) yield i
    }
    const [text, whole] = writeMembers(indices(), room, depth, (i, left) => writeMember(value, i, left, depth))
    if (Array.isArray(value)) return whole ? `[${text}]` : `Array(${length}) [${text}]`
    return `${nameOf(value)}(${length}) [${text}]`
  }
  if (value instanceof Promise || typeof memberOf(value, 'then')?.value === 'function') {
    return 'a promise (await it first)'
  }
  const name = nameOf(value)
  if (value instanceof Error) return `${name}(${writeMember(value, 'message', room, depth)})`
  const keys = function* () {
    if (!isIndexed(value)) for (const key in value) if (Object.hasOwn(value, key)) yield key
  }
  const [text] = writeMembers(keys(), room, depth, (key, left) => {
    const label = `"${shorten(key, 20)}":`
    return label + writeMember(value, key, left - label.length, depth)
  })
  if (name === 'Object') return `{${text}}`
  return text ? `${name} {${text}}` : `${/^[AEIOU]/.test(name) ? 'an' : 'a'} ${name}`
}

/** As many of the members as there is room for, and whether those are all. */
function writeMembers<T>(
  members: Iterable<T>,
  room: number,
  depth: number,
  write: (member: T, left: number) => string,
): [text: string, whole: boolean] {
  let text = ''
  let count = 0
  for (const member of members) {
    const left = room - text.length
    const next = depth < DEPTH && count++ < MEMBERS && left > 4 ? write(member, left) : ''
    if (!next || next.length > left) return [`${text}${text && ','}...`, false]
    text += `${text && ','}${next}`
  }
  return [text, true]
}

function writeMember(value: object, key: string | number, room: number, depth: number): string {
  const member = memberOf(value, key)
  if (!member) return 'empty'
  return member.get ? 'a getter' : write(member.value, room, depth + 1)
}

function memberOf(value: object, key: string | number): PropertyDescriptor | undefined {
  return Object.getOwnPropertyDescriptor(value, key)
}

/** The name of the class of an object. */
function nameOf(value: object): string {
  for (let at: object | null = Object.getPrototypeOf(value); at; at = Object.getPrototypeOf(at)) {
    const made: unknown = memberOf(at, 'constructor')?.value
    const name: unknown = typeof made === 'function' ? memberOf(made, 'name')?.value : undefined
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
    short += c.replace(/["\\]/, '\\$&').replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u, codeOf)
    if (short.length > room) return `${beginning}...`
    if (short.length <= room - 3) beginning = short
  }
  return short
}

function codeOf(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`
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
