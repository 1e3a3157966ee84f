// Every default is said in a docstring, as "X unless given", and is what the code takes.
import ts from 'typescript'
import { expect, test } from 'vitest'
import { readDefaults } from '../support/defaults'
import { entries, program } from '../support/program'

const sources = program.getSourceFiles().filter(({ fileName }) => /\/src\/(?!kernels\/|engine\/)/.test(fileName))

test('each default is said, and is what the code takes', () => {
  const { faults, found } = readDefaults(program, entries, sources)
  expect(faults).toEqual([])
  // Options of each way in which defaults are written, lest one be no longer read.
  expect(found).toEqual(
    expect.arrayContaining(['ModelOptions: batch', 'dropout: keep', 'createRandom: stream', 'LbfgsOptions: memory']),
  )
  expect(found.length).toBeGreaterThan(80)
})

/** The faults of a module of its own. */
function faultsOf(text: string): string[] {
  const options = { noLib: true, strict: true, target: ts.ScriptTarget.ES2022 }
  const host = ts.createCompilerHost(options)
  const file = ts.createSourceFile('sample.ts', text, ts.ScriptTarget.ES2022, true)
  const sample = ts.createProgram(['sample.ts'], options, {
    ...host,
    getSourceFile: (name) => (name === 'sample.ts' ? file : undefined),
    fileExists: (name) => name === 'sample.ts',
  })
  return readDefaults(sample, ['sample.ts'], [file]).faults
}

test.each([
  ['options.x ?? 0.9', 'options: { x?: number }', 'return options.x ?? 0.9'],
  ['a pattern', 'options: { x?: number }', 'const { x = 0.9 } = options; return x'],
  ['a pattern in the parameters', '{ x = 0.9 }: { x?: number } = {}', 'return x'],
  ['?? after a pattern', 'options: { x?: number }', 'const { x } = options; return x ?? 0.9'],
  ['a conditional', 'options: { x?: number }', 'return options.x === undefined ? 0.9 : options.x'],
  ['a spread', 'options: { x?: number }', 'return { x: 0.9, ...options }'],
  ['a helper', 'options: { x?: number }', 'const f = (x = 0.9) => x; return f(options.x)'],
  [
    'a function it is handed on to',
    'options: { x?: number }',
    'return g(options); function g(o: { x?: number }) { return o.x ?? 0.9 }',
  ],
  ['a constant', 'options: { x?: number }', 'const X = 0.9; return options.x ?? X'],
  ['a parameter', 'x = 0.9', 'return x'],
])('reads a default from %s', (_, parameters, body) => {
  const sample = (docs: string) => faultsOf(`/** ${docs} */\nexport function f(${parameters}) { ${body} }`)
  expect(sample('Takes `x`, 0.9 unless given.')).toEqual([])
  expect(sample('Takes `x`, 9e-1 unless\n * given.')).toEqual([])
  expect(sample('Takes `x`.')).toEqual([
    'sample.ts:2 f: x: the code takes 0.9; the docstring must say "`x`, 0.9 unless given"',
  ])
  expect(sample('Takes `x`, 0.8 unless given.')).toContain(
    'sample.ts:2 f: x: the docstring says "0.8 unless given"; the code takes 0.9',
  )
  expect(sample('With `x: 1` (0.9 unless given) more.')).toEqual([])
  expect(sample('Takes `y`, 0.9 unless given, and `x`.')).toHaveLength(1)
})

test('reads an option from its own docstring, of every kind of value', () => {
  const sample = (docs: string, value: string, type: string) =>
    faultsOf(`export interface O {\n/** ${docs} */ x?: ${type} }
      /** A function. */
      export function f(options: O) { return options.x ?? ${value} }`)
  expect(sample('5 unless given; Infinity is no limit.', '5', 'number')).toEqual([])
  expect(sample("'a b' unless given, or 'c'.", "'a b'", 'string')).toEqual([])
  expect(sample('True unless given.', 'true', 'boolean')).toEqual([])
  expect(sample('As many as there are unless given.', 'f.length', 'number')).toEqual([])
  expect(sample('The most.', 'Infinity', 'number')).toEqual([])
  expect(sample("'a' unless given.", "'b'", 'string')).toHaveLength(2)
  expect(sample('False unless given.', 'true', 'boolean')).toHaveLength(2)
  expect(sample('How many there are.', 'f.length', 'number')).toHaveLength(1)
  expect(sample('5 unless given.', 'undefined', 'number')).toEqual([
    'sample.ts:2 O: x: the docstring says "5 unless given"; the code takes none',
  ])
})

test('two functions that share an option must both be heard', () => {
  const sample = (docs: string) =>
    faultsOf(`export interface O {\n/** ${docs} */ x?: number }
      export function f(options: O) { return options.x ?? 1 }
      export function g(options: O) { return options.x ?? 2 }`)
  expect(sample('1 unless given.')).toHaveLength(1)
  expect(sample('1 unless given to f, 2 unless given to g.')).toEqual([])
})
