// Comma-separated values, as RFC 4180 describes them and as files really are: any line endings, a byte order mark,
// blank lines, another delimiter.

import { FileError, PlanError, checkArguments, checkOptions, flag, isPlain, oneOf, readSafely, show } from '../errors'
import { allocate } from './batches'
import { type Bytes, decodeText, hint, viewBytes } from './bytes'

/** A column: its name in the header, or its number; 0 is the first, -1 the last. */
export type Column = string | number

/** Which column is what, and how the file is written. */
export interface CsvOptions {
  /** Whether the first line names the columns. True unless given. */
  header?: boolean
  /** The column with the class of each row: words or numbers. */
  label?: Column
  /** In place of `label`: the column, or columns, of the values to predict. */
  target?: Column | readonly Column[]
  /** Columns to leave out, such as a number of the row. */
  ignore?: readonly Column[]
  /** The classes in order, where a file may lack some, as a test set may: those of the training set. */
  classes?: readonly string[]
  /** ',' unless given. */
  delimiter?: string
  /** What becomes of a value of x that is missing: an error, 'refuse', or NaN, 'keep', for impute. 'refuse' unless given. */
  missing?: 'refuse' | 'keep'
  /**
   * Columns of x with words, of which each becomes a number, its place among the categories of its column: a list of
   * columns, whose categories are sorted as classes are, or an object from the name of a column to its categories in
   * their order, such as the `categories` of the training set.
   */
  categories?: readonly Column[] | Readonly<Record<string, readonly string[]>>
  /**
   * What becomes of a word that is not among the categories given, as a test set may have one: an error, 'refuse', or NaN,
   * 'keep', which oneHot takes with its `unknown: 'none'`. 'refuse' unless given.
   */
  unknown?: 'refuse' | 'keep'
}

/** What a CSV file holds, ready for fit. */
export interface CsvData {
  /** The rows one after the other, without the label, target and ignored columns. */
  x: Float64Array
  /** Class indices with `label`, values with `target`, else empty. */
  y: Uint8Array | Uint32Array | Float64Array
  /** Of one row: [columns], what createModel takes as `input`. */
  shape: number[]
  /** Names of the columns of x; '0', '1', ... without a header. */
  columns: string[]
  /** With `label`: the name of each class; y holds indices into it. */
  classes: string[]
  /** With `categories`: by the name of the column, the words that its numbers in x are places of. */
  categories?: Record<string, string[]>
}

// Each part can match in one way only, or a long line of digits would be tried in all of them.
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/
const MISSING = /^(?:|na|n\/a|nan|null|none|\?|-)$/i

/**
 * The numbers of a CSV file, ready for fit. Classes are sorted, by value where all are numbers, else by their letters,
 * so that the order of the rows does not matter; hand the `classes` of the training set on for any other.
 * Throws a FileError that names the line and the column where a value is missing or no number, a row has too many or
 * too few fields, or a quote is never closed; a PlanError for options that cannot be.
 *
 * A table as people have it, with gaps and words, is read in two steps:
 *
 *     const table = readCsv(await file.text(), { target: 'price', missing: 'keep', categories: ['colour'] })
 *     const filled = impute(table.x, { shape: table.shape, by: 'median' }).apply(table.x)
 *
 *     const iris = readCsv(await file.text(), { label: 'species', ignore: ['Id'] })
 *     iris.columns // ['sepal length', ...]
 *     iris.classes // ['setosa', 'versicolor', 'virginica']
 */
export function readCsv(file: Bytes | string, options: CsvOptions = {}): CsvData {
  checkArguments('readCsv', arguments, 2)
  const given = checkOptions('readCsv', options, [
    'header',
    'label',
    'target',
    'ignore',
    'classes',
    'delimiter',
    'missing',
    'categories',
    'unknown',
  ])
  const header = flag('readCsv', 'header', given.header ?? true)
  const delimiter = given.delimiter ?? ','
  if (typeof delimiter !== 'string' || delimiter.length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new PlanError(`readCsv: delimiter must be one character, such as ',' or ';', got ${show(delimiter)}`)
  }
  if (given.label !== undefined && given.target !== undefined) {
    throw new PlanError('readCsv: give label, for classes, or target, for values, not both')
  }
  if (given.classes !== undefined && given.label === undefined) {
    throw new PlanError('readCsv: classes is of no use without label')
  }
  const known = given.classes === undefined ? undefined : checkClasses('classes', given.classes)
  const keeps = oneOf('readCsv', 'missing', given.missing ?? 'refuse', ['refuse', 'keep']) === 'keep'
  const keepsUnknown = oneOf('readCsv', 'unknown', given.unknown ?? 'refuse', ['refuse', 'keep']) === 'keep'

  const records = split(decode(file), delimiter)
  const first = records.next()
  if (first.done) throw new FileError('readCsv: the file is empty')
  const names = header ? first.value.fields.map((name) => name.trim()) : first.value.fields.map((_, i) => String(i))
  const width = names.length
  // Names may be numbers, such as years, where the user says so.
  if (given.header === undefined && names.every((name) => NUMBER.test(name.trim()))) {
    throw new FileError(
      `readCsv: line ${first.value.line} holds numbers (${show(names.join(delimiter))}), want the names of the columns; ` +
        'give header: false if the file has none, header: true if these are names',
    )
  }
  const roles = assignRoles(names, given)
  const words = readSafely('readCsv', 'categories', () => wordsOf(names, roles, given.categories))
  const column = (i: number) => (header ? `column ${i} ${show(names[i])}` : `column ${i}`)

  const x = createNumbers()
  const y = createNumbers()
  const labels: string[] = []
  const lines: number[] = []
  for (let record = header ? records.next() : first; !record.done; record = records.next()) {
    const { fields, line } = record.value
    if (fields.length !== width) {
      throw new FileError(
        `readCsv: line ${line} has ${fields.length} field${fields.length === 1 ? '' : 's'}, but ` +
          `${header ? 'the header' : 'the first line'} has ${width}` +
          (width === 1 ? "; is the delimiter another than ','?" : ''),
      )
    }
    for (let i = 0; i < width; i++) {
      if (roles[i] === 'ignore') continue
      const text = fields[i].trim()
      if (roles[i] === 'label') {
        if (text === '') throw new FileError(`readCsv: line ${line}, ${column(i)}: the label is missing`)
        labels.push(text)
        lines.push(line)
        continue
      }
      const kept = keeps && roles[i] === 'x' && MISSING.test(text)
      const list = words.get(i)
      // A word that is listed is one, also where others mean by it that there is none.
      if (list && (!MISSING.test(text) || (!list.open && list.places.has(text)))) {
        x.push(placeIn(list, text, keepsUnknown, () => `line ${line}, ${column(i)}`))
        continue
      }
      if (kept) {
        x.push(NaN)
        continue
      }
      const value = NUMBER.test(text) ? Number(text) : NaN
      // Finite: 1e999 is a number, but no double.
      if (value - value !== 0) {
        throw new FileError(
          `readCsv: line ${line}, ${column(i)}: ` +
            (MISSING.test(text)
              ? `the value is missing${text && ` (${show(text)})`}; fill it in, remove the row or the column (ignore)${roles[i] === 'x' ? ", or take missing: 'keep'" : ''}`
              : `want a number, got ${show(text)}; columns of words go into categories, or ignore`),
        )
      }
      if (roles[i] === 'target') y.push(value)
      else x.push(value)
    }
  }
  const columns = names.filter((_, i) => roles[i] === 'x')
  const values = x.all()
  if (!columns.length) throw new FileError('readCsv: no column is left for x')
  if (!values.length) throw new FileError('readCsv: the file has a header, but no rows')
  for (const [i, list] of words) sortWords(list, values, columns.indexOf(names[i]), columns.length)
  const classes = given.label === undefined ? [] : (known ?? sortClasses(labels))
  return {
    x: values,
    y: given.label === undefined ? y.all() : indices(labels, lines, classes),
    shape: [columns.length],
    columns,
    classes,
    ...(words.size && { categories: Object.fromEntries([...words].map(([i, { all }]) => [names[i], all])) }),
  }
}

/** The words of a column, each with its place; `open` where more may come. */
interface Words {
  readonly all: string[]
  readonly places: Map<string, number>
  readonly open: boolean
}

/** The columns whose values are words, by their numbers. */
function wordsOf(
  names: readonly string[],
  roles: readonly string[],
  categories: CsvOptions['categories'],
): Map<number, Words> {
  const words = new Map<number, Words>()
  if (categories === undefined) return words
  const isList = Array.isArray(categories)
  if (!isList && !isPlain(categories)) {
    throw new PlanError(
      `readCsv: categories must be a list of columns, or an object from their names to lists, got ${show(categories)}`,
    )
  }
  const chosen: [Column, readonly string[] | undefined][] = isList
    ? Array.from(categories as readonly Column[], (column) => [column, undefined])
    : Object.entries(categories)
  for (const [column, known] of chosen) {
    const index = find(names, 'categories', column)
    if (roles[index] !== 'x')
      throw new PlanError(`readCsv: column ${show(column)} is both ${roles[index]} and categories`)
    if (words.has(index)) throw new PlanError(`readCsv: categories has column ${show(column)} twice`)
    if (names.indexOf(names[index]) !== names.lastIndexOf(names[index])) {
      throw new PlanError(`readCsv: categories: two columns are named ${show(names[index])}; rename one`)
    }
    const all = known === undefined ? [] : checkClasses(`categories.${column}`, known)
    words.set(index, { all, places: new Map(all.map((word, i) => [word, i])), open: known === undefined })
  }
  return words
}

function placeIn({ all, places, open }: Words, word: string, keeps: boolean, where: () => string): number {
  const place = places.get(word)
  if (place !== undefined) return place
  if (!open && keeps) return NaN
  if (!open) {
    throw new FileError(
      `readCsv: ${where()}: ${show(word)} is not among ${show(all)}, the categories given`,
    )
  }
  places.set(word, all.length)
  return all.push(word) - 1
}

/** Sorts the words of a column, whose numbers are every so many in x. */
function sortWords({ all, places, open }: Words, x: Float64Array, column: number, columns: number): void {
  if (!open) return
  const before = all.slice()
  all.splice(0, Infinity, ...sortClasses(before))
  all.forEach((word, i) => places.set(word, i))
  for (let i = column; i < x.length; i += columns) if (x[i] === x[i]) x[i] = places.get(before[x[i]])!
}

/** Of a text in V8, whose texts are the shortest. */
const MOST_LETTERS = 2 ** 29 - 24

/** A list of numbers that grows: as a plain array it could not be as long as a file may be. */
function createNumbers() {
  let values = new Float64Array(1024)
  let length = 0
  return {
    push(value: number): void {
      if (length === values.length) {
        const larger = allocate('readCsv', 2 * length, Float64Array) as Float64Array<ArrayBuffer>
        larger.set(values)
        values = larger
      }
      values[length++] = value
    },
    all: (): Float64Array => values.slice(0, length),
  }
}

/** A copy of the classes. Throws a PlanError unless they are a list of names, none of them twice. */
function checkClasses(what: string, classes: readonly string[]): string[] {
  return readSafely('readCsv', what, () => {
    const names = Array.isArray(classes) ? Array.from(classes as readonly unknown[]) : []
    if (!names.length || !names.every((name) => typeof name === 'string')) {
      throw new PlanError(`readCsv: ${what} must be a list of names, such as ['cat', 'dog'], got ${show(classes)}`)
    }
    const seen = new Set<string>()
    const twice = names.find((name) => seen.size === seen.add(name).size)
    if (twice !== undefined) throw new PlanError(`readCsv: ${what} has ${show(twice)} twice`)
    return names
  })
}

function decode(file: Bytes | string): string {
  const bytes =
    typeof file === 'string'
      ? Uint8Array.from(file.slice(0, 512), (letter) => letter.charCodeAt(0))
      : viewBytes('readCsv', file)
  const problem = hint(bytes)
  if (problem) throw new FileError(`readCsv: this is no CSV file${problem}`)
  if (typeof file === 'string') return file.charCodeAt(0) === 0xfeff ? file.slice(1) : file
  try {
    // It drops a byte order mark by itself.
    return decodeText(bytes)
  } catch (cause) {
    if (bytes.length > MOST_LETTERS) {
      throw new FileError(`readCsv: ${bytes.length} bytes are more than a text can have; split the file`, { cause })
    }
    throw new FileError('readCsv: the file is not UTF-8; decode it with a TextDecoder and hand in the text', { cause })
  }
}

/** The fields of each line that is not blank, and the number of the line it begins on. */
function* split(text: string, delimiter: string): Generator<{ fields: string[]; line: number }> {
  let at = 0
  let line = 1
  const end = (index: number) => index >= text.length || text[index] === '\n' || text[index] === '\r'
  while (at < text.length) {
    const started = line
    const fields: string[] = []
    for (;;) {
      if (text[at] === '"') {
        const opened = line
        let field = ''
        for (at++; ; at++) {
          const close = text.indexOf('"', at)
          if (close < 0) throw new FileError(`readCsv: line ${opened}: a quote is opened and never closed`)
          const part = text.slice(at, close)
          line += part.match(/\r\n|\r|\n/g)?.length ?? 0
          field += part
          at = close + 1
          // Two quotes stand for one.
          if (text[at] !== '"') break
          field += '"'
        }
        fields.push(field)
        if (!end(at) && text[at] !== delimiter) {
          throw new FileError(`readCsv: line ${line}: ${show(text[at])} after a closing quote; want ${show(delimiter)}`)
        }
      } else {
        const from = at
        while (!end(at) && text[at] !== delimiter) at++
        fields.push(text.slice(from, at))
      }
      if (end(at)) break
      at++
    }
    at += text[at] === '\r' && text[at + 1] === '\n' ? 2 : 1
    line++
    if (fields.length > 1 || fields[0].trim() !== '') yield { fields, line: started }
  }
}

function assignRoles(names: readonly string[], options: CsvOptions): ('x' | 'label' | 'target' | 'ignore')[] {
  const roles = names.map((): 'x' | 'label' | 'target' | 'ignore' => 'x')
  const { label, target, ignore = [] } = options
  const chosen = readSafely('readCsv', 'the columns', () => {
    if (!Array.isArray(ignore)) throw new PlanError(`readCsv: ignore must be a list of columns, got ${show(ignore)}`)
    if (Array.isArray(target) && !target.length) throw new PlanError('readCsv: target is a list of no columns')
    return {
      label: label === undefined ? [] : [label],
      target: Array.isArray(target) ? Array.from(target as Column[]) : target === undefined ? [] : [target as Column],
      ignore: Array.from(ignore as readonly Column[]),
    }
  })
  for (const role of ['label', 'target', 'ignore'] as const) {
    for (const column of chosen[role]) {
      const index = find(names, role, column)
      if (roles[index] !== 'x')
        throw new PlanError(`readCsv: column ${show(column)} is both ${roles[index]} and ${role}`)
      roles[index] = role
    }
  }
  return roles
}

function find(names: readonly string[], role: string, column: Column): number {
  if (typeof column === 'number') {
    const index = column < 0 ? names.length + column : column
    if (Number.isInteger(index) && index >= 0 && index < names.length) return index
    throw new PlanError(`readCsv: ${role}: no column ${column}; the file has ${names.length}, the first is 0`)
  }
  const found = names.flatMap((name, i) => (name.trim() === column ? [i] : []))
  if (found.length === 1) return found[0]
  const list = `${names
    .slice(0, 8)
    .map((name) => show(name))
    .join(', ')}${names.length > 8 ? ', ...' : ''}`
  throw new PlanError(
    found.length
      ? `readCsv: ${role}: ${found.length} columns are named ${show(column)}; give the number of one`
      : `readCsv: ${role}: no column ${show(column)}; the file has ${list}`,
  )
}

function sortClasses(labels: readonly string[]): string[] {
  const classes = [...new Set(labels)]
  const numbers = classes.every((name) => NUMBER.test(name))
  // By code units, not by a locale, which differs between machines.
  return classes.sort((a, b) => (numbers ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1))
}

function indices(labels: readonly string[], lines: readonly number[], classes: readonly string[]) {
  const index = new Map(classes.map((name, i) => [name, i]))
  const y = classes.length > 256 ? new Uint32Array(labels.length) : new Uint8Array(labels.length)
  for (const [row, label] of labels.entries()) {
    const found = index.get(label)
    if (found === undefined) {
      throw new FileError(
        `readCsv: line ${lines[row]}: class ${show(label)} is not among ${show(classes)}, the classes given`,
      )
    }
    y[row] = found
  }
  return y
}
