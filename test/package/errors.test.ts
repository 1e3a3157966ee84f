// What errors show of what came: short, at once, and readable, whatever it is.
import { describe, expect, test, vi } from 'vitest'
import {
  PlanError,
  callable,
  checkArguments,
  checkNoPromise,
  checkOptions,
  few,
  given,
  integer,
} from '../../src/errors'
import { hasMembers, note, numbers, pair, quote, readSafely, show } from '../../src/errors'

const fail = () => {
  throw new Error('never called')
}

class Point {
  x = 1
  y = [1, 2]
}

/** A list within a list, and so on. */
function nested(levels: number): unknown[] {
  let list: unknown[] = []
  for (let i = 0; i < levels; i++) list = [list]
  return list
}

const circular: unknown[] = [1]
circular.push(circular)

/** An object with one member, of any name. */
const having = (name: string, value: unknown) => ({ [name]: value })
const { proxy: revoked, revoke } = Proxy.revocable({}, {})
revoke()

describe('show', () => {
  const shown: [value: unknown, text: string][] = [
    [3, '3'],
    [-0, '-0'],
    [NaN, 'NaN'],
    [1e300, '1e+300'],
    [3n, '3n'],
    [-(2n ** 127n), '-170141183460469231731687303715884105728n'],
    [1n << 10_000_000n, 'a bigint of many digits'],
    [undefined, 'undefined'],
    [null, 'null'],
    [true, 'true'],
    [Symbol('s'), 'Symbol(s)'],
    [() => 1, 'a function'],
    [Point, 'a function'],
    ['text', '"text"'],
    ['a "quoted"\nline\u202e', '"a \\"quoted\\"\\u{a}line\\u{202e}"'],
    ['ab'.repeat(5e6), `"${'ab'.repeat(23)}a..." (10000000 characters)`],
    ['\u{1f600}'.repeat(60), `"${'\u{1f600}'.repeat(23)}..." (120 characters)`],
    [[], '[]'],
    [[5, 1], '[5,1]'],
    [['a', [1, 'b']], '["a",[1,"b"]]'],
    [Object.assign([], { 0: 1, 2: NaN }), '[1,empty,NaN]'],
    [[1n], '[1n]'],
    [Array(5e7).fill(0, 0, 10), 'Array(50000000) [0,0,0,0,0,0,0,0,...]'],
    [new Uint8Array(47_040_000), 'Uint8Array(47040000) [0,0,0,0,0,0,0,0,...]'],
    [new Float32Array([1, 2.5]), 'Float32Array(2) [1,2.5]'],
    [circular, '[1,[1,Array(2) [...]]]'],
    [nested(100_000), '[[Array(1) [...]]]'],
    [{}, '{}'],
    [{ a: 1, 'b c': [2] }, '{"a":1,"b c":[2]}'],
    [Object.assign(Object.create(null), { a: 1 }), '{"a":1}'],
    [{ a: { b: { c: 1 } } }, '{"a":{"b":{...}}}'],
    [new Point(), 'Point {"x":1,"y":[1,2]}'],
    [new Map([[1, 2]]), 'a Map'],
    [new ArrayBuffer(8), 'an ArrayBuffer'],
    [new DataView(new ArrayBuffer(8)), 'a DataView'],
    [new Date(0), 'a Date'],
    [new String('x'.repeat(1e7)), 'a String'],
    [new RangeError('too far'), 'RangeError("too far")'],
    [Promise.resolve(1), 'a promise (await it first)'],
    [having('then', fail), 'a promise (await it first)'],
    [{ toJSON: fail, a: 1 }, '{"toJSON":a function,"a":1}'],
    [Object.defineProperty({}, 'a', { get: fail, enumerable: true }), '{"a":a getter}'],
    [new Proxy({}, { ownKeys: fail }), 'an object that cannot be read'],
    [revoked, 'an object that cannot be read'],
    [[revoked], '[an object that cannot be read]'],
  ]

  // By their texts, for the runner would write out the values.
  test.each(shown.map(([, text], i) => [text, i] as const))('%s', (text, i) => {
    expect(show(shown[i][0])).toBe(text)
  })

  test('is short, whatever it shows, and looks at little of it', () => {
    const wide = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${'k'.repeat(50)}${i}`, 'v'.repeat(1000)]))
    const controls = '\u0000'.repeat(1e6)
    const values = [wide, [wide, wide], controls, [controls, controls], { [controls]: controls }, Symbol(controls)]
    for (const value of [...values, new Error(controls), [[['x'.repeat(1e7)]]], globalThis]) {
      const text = show(value)
      expect(text.length, text).toBeLessThanOrEqual(80)
      expect(text).toMatch(/^[ -~]+$/)
    }
    let reads = 0
    const list = new Proxy(Array(1e9), {
      getOwnPropertyDescriptor: (target, key) => (reads++, Reflect.getOwnPropertyDescriptor(target, key)),
    })
    show(list)
    expect(reads).toBeLessThan(20)
  })

  test('names are quoted, and no longer than they may be', () => {
    expect(quote('conv1')).toBe("'conv1'")
    expect(quote('a\nb')).toBe("'a\\u{a}b'")
    expect(quote('n'.repeat(1e7))).toBe(`'${'n'.repeat(37)}...'`)
    expect(few([3, 32, 32])).toBe('3, 32, 32')
    expect(few(new Float64Array(1e6))).toBe('0, 0, 0, 0, 0, 0, 0, 0, ...')
  })
})

describe('checks', () => {
  const args = (...values: unknown[]) => values

  test('arguments', () => {
    const check = (values: unknown[], most: number, cure?: string) => () => checkArguments('f', values, most, cure)
    expect(check(args(1, 2), 2)).not.toThrow()
    expect(check(args(1, undefined, undefined), 1)).not.toThrow()
    // Nobody means anything by it.
    expect(check(args({}), 0)).not.toThrow()
    expect(check(args(1, {}), 1)).not.toThrow()
    expect(check(args({ posWeight: 10 }), 0)).toThrow(/^f: unknown option 'posWeight'; it has no options$/)
    expect(check(args(5), 0)).toThrow(/^f: takes no arguments, got 5$/)
    expect(check(args(1, null), 1)).toThrow(/^f: takes one argument, got another: null$/)
    expect(check(args(1, 2, undefined, 4), 2, 'hand in a list')).toThrow(
      /^f: takes 2 arguments, got another: 4; hand in/,
    )
    expect(check(args(revoked), 0)).toThrow(PlanError)
  })

  test('options are read once, as they are', () => {
    let reads = 0
    const options = {
      get a() {
        return ++reads
      },
    }
    const read = checkOptions('f', options, ['a', 'b'])
    expect([read.a, read.a, reads]).toEqual([1, 1, 1])
    expect(checkOptions('f', Object.create(null) as object, ['a'])).toEqual({})
    expect(checkOptions('f', new Point(), ['x', 'y'])).toEqual({ x: 1, y: [1, 2] })
  })

  const refused: [value: unknown, message: RegExp][] = [
    [null, /^f: options must be an object with a, b, got null$/],
    [[], /got \[\]$/],
    [new Uint8Array(1e7), /got Uint8Array\(10000000\) \[0,0,/],
    ['a', /got "a"$/],
    [new Map([['a', 1]]), /got a Map$/],
    [new Date(), /got a Date$/],
    [Promise.resolve({ a: 1 }), /got a promise \(await it first\)$/],
    [new Point(), /^f: unknown option 'x'; allowed: a, b$/],
    [{ a: 1, ['c'.repeat(1e7)]: 2 }, /^f: unknown option 'c{37}\.\.\.'; allowed: a, b$/],
    [
      Object.defineProperty({}, 'a', { get: fail, enumerable: true }),
      /^f: options cannot be read: Error\("never called"\)$/,
    ],
    [revoked, /^f: options cannot be read: TypeError\(/],
  ]
  test.each(refused.map(([, message], i) => [message, i] as const))('no options: %s', (message, i) => {
    const [value] = refused[i]
    expect(() => checkOptions('f', value as object, ['a', 'b'])).toThrow(message)
    expect(() => checkOptions('f', value as object, ['a', 'b'])).toThrow(PlanError)
  })

  test('what has members', () => {
    for (const value of [{}, { a: 1 }, Object.create(null), new Point()]) expect(hasMembers(value)).toBe(true)
    for (const value of [null, 5, 'a', [], [1], new Uint8Array(2), new Map(), new String('ab'), () => 1]) {
      expect(hasMembers(value)).toBe(false)
    }
  })

  test('integers have a largest value', () => {
    expect(integer('f', 'n', 3, 1, 3)).toBe(3)
    expect(() => integer('f', 'n', 4, 1, 3)).toThrow(/^f: n must be an integer of at most 3, got 4$/)
    expect(() => integer('f', 'n', 1e300, 1, 3)).toThrow(/at most 3, got 1e\+300$/)
    expect(() => integer('f', 'n', 0, 1, 3)).toThrow(/^f: n must be an integer of at least 1, got 0$/)
    expect(() => integer('f', 'n', 2 ** 53, 1)).toThrow(/at most 9007199254740991, got 9007199254740992$/)
    expect(() => integer('f', 'n', Object.assign([], { length: 1 }), 1)).toThrow(/at least 1, got \[empty\]$/)
    expect(() => pair('f', 'n', Object.assign([1], { length: 2 }), 1)).toThrow(/at least 1, got undefined$/)
    expect(() => pair('f', 'n', [1, 2 ** 30], 1)).toThrow(/at most 1048576, got 1073741824$/)
    expect(() => pair('f', 'n', revoked, 1)).toThrow(/^f: n cannot be read/)
    expect(pair('f', 'n', 3, 1)).toEqual([3, 3])
  })

  test('lists of numbers are copied, each read once', () => {
    const check = (name: string, v: unknown) => integer('f', name, v, 0)
    const list = (value: unknown) => numbers('f', 'list', value, 'a list of numbers', check)
    expect(list([1, 2])).toEqual([1, 2])
    expect(list(new Uint8Array([1, 2]))).toEqual([1, 2])
    expect(list({ length: 2, 0: 1, 1: 2 })).toEqual([1, 2])
    for (const none of [[], undefined, 'ab', 5, { length: 0 }, { length: NaN }, { length: 1e15 }, {}, new Map()]) {
      expect(() => list(none)).toThrow(/^f: list must be a list of numbers, got/)
    }
    expect(() => list({ length: 1e9 })).toThrow(/^f: list\[0\] must be an integer of at least 0, got undefined$/)
    expect(() => list(Object.assign([1], { length: 3 }))).toThrow(/^f: list\[1\] must be .* got undefined$/)
    expect(() => list(revoked)).toThrow(/^f: list cannot be read/)
  })

  test('functions that can be called', () => {
    for (const f of [() => 1, function () {}, async () => 1, fail.bind(null), Math.max])
      expect(callable('f', 'g', f, 'a function')).toBe(f)
    const { proxy, revoke } = Proxy.revocable(() => 1, {})
    revoke()
    for (const f of [Point, Map, Promise, proxy]) {
      expect(() => callable('f', 'g', f, 'a function')).toThrow(/^f: g must be a function, got a class, which cannot/)
    }
    expect(() => callable('f', '', 5, 'a function')).toThrow(/^f: wants a function, got 5$/)
  })

  test('a promise that nobody waited for', () => {
    const promise = Promise.resolve(1)
    expect(() => checkNoPromise('f', 'the model', promise, 'createModel(...)')).toThrow(
      /^f: the model is a promise: await createModel\(\.\.\.\)$/,
    )
    for (const value of [undefined, null, 5, {}, having('then', 5), revoked, fail]) {
      expect(() => checkNoPromise('f', 'the model', value)).not.toThrow()
    }
  })

  test('what can only mean off', () => {
    expect([undefined, null, false, 0, '', NaN].map(given)).toEqual([undefined, undefined, undefined, 0, '', NaN])
  })

  test('what the user throws while he is read is told, with its cause', () => {
    const cause = new Error('mine')
    const read = () =>
      readSafely('f', 'it', () => {
        throw cause
      })
    expect(read).toThrow(/^f: it cannot be read: Error\("mine"\)$/)
    expect(read).toThrow(expect.objectContaining({ cause }))
    expect(() =>
      readSafely('f', 'it', () => {
        throw new PlanError('ours')
      }),
    ).toThrow(/^ours$/)
  })
})

test('a note is told once', () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  for (const text of ['one', 'two', 'one']) note(text)
  expect(warn.mock.calls).toEqual([['v128: one'], ['v128: two']])
  vi.restoreAllMocks()
})
