// Files that are damaged: cut off, with bits turned over, with sizes that cannot be, with parts moved about. Each is read,
// or a FileError, soon; nothing else, and without memory that the file is too small for. HOSTILE=100000 takes as many.
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { FileError, PlanError } from '../../src/entries/index'
import { fromOnnx } from '../../src/entries/onnx'
import { type GraphProto, type ModelProto, decodeModel, encodeModel } from '../../src/onnx/schema'
import { type Random, createRandom } from '../../src/random'

const here = new URL('../fixtures/onnx/', import.meta.url)
const files = readdirSync(here)
  .filter((name) => name.endsWith('.onnx'))
  .map((name) => readFileSync(new URL(name, here)))
const COUNT = Number(process.env.HOSTILE ?? 3000)

const below = (random: Random, most: number) => Math.floor(random.uniform() * most)

function cutOff(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, below(random, bytes.length))
}

function turned(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes)
  for (let i = 1 + below(random, 8); i > 0; i--) copy[below(random, copy.length)] ^= 1 << below(random, 8)
  return copy
}

/** Numbers where there were some, as large as varints are, or others. */
function overwritten(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const at = below(random, copy.length)
  const length = 1 + below(random, 10)
  for (let i = at; i < Math.min(at + length, copy.length); i++) copy[i] = i === at + length - 1 ? 127 : 255
  return copy
}

function inserted(bytes: Uint8Array, random: Random): Uint8Array {
  const [at, from] = [below(random, bytes.length), below(random, bytes.length)]
  const part = bytes.subarray(from, from + below(random, 40))
  return Uint8Array.from([...bytes.subarray(0, at), ...part, ...bytes.subarray(at)])
}

const NUMBERS = [-1, 0, 1, 2, 7, 2 ** 31, 2 ** 40, 2 ** 53, 2 ** 63, -(2 ** 63)]

/** A right file of a wrong graph: what nodes read and give, and numbers, exchanged. */
function rewired(bytes: Uint8Array, random: Random): Uint8Array {
  const model = structuredClone(decodeModel('test', bytes))
  const graph = model.graph!
  const nodes = graph.node!
  const one = <T>(list: ArrayLike<T>) => list[below(random, list.length)]
  const names = [...nodes.flatMap(({ input = [], output = [] }) => [...input, ...output]), '', 'x']
  for (let i = 1 + below(random, 3); i > 0; i--) {
    const node = one(nodes)
    const what = below(random, 8)
    if (what === 0) node.input = node.input?.map((name) => (random.uniform() < 0.5 ? one(names) : name))
    if (what === 1) node.output = node.output?.map(() => one(names))
    if (what === 2) node.opType = one(nodes).opType
    if (what === 3) {
      for (const attribute of node.attribute ?? []) {
        if (attribute.ints) attribute.ints = Array.from(attribute.ints, () => one(NUMBERS))
        else if (attribute.i !== undefined) attribute.i = one(NUMBERS)
        else attribute.f = one([NaN, Infinity, -1, 0, 1e30])
      }
    }
    const tensor = one([...(graph.initializer ?? []), {}])
    if (what === 4 && tensor.dims) tensor.dims = Array.from(tensor.dims, () => one(NUMBERS))
    if (what === 5 && tensor.rawData) tensor.rawData = tensor.rawData.subarray(below(random, tensor.rawData.length))
    if (what === 6) tensor.dataType = below(random, 20)
    if (what === 7) {
      const dim = one(graph.input![0].type!.tensorType!.shape!.dim!)
      dim.dimParam = undefined
      dim.dimValue = one(NUMBERS)
    }
  }
  return encodeModel(model)
}

describe('damaged files are read or refused', () => {
  test.each([
    ['cut off', cutOff],
    ['with bits turned over', turned],
    ['with enormous numbers', overwritten],
    ['with parts twice', inserted],
    ['of wrong graphs', rewired],
  ])('%s', (name, change) => {
    const random = createRandom(name.length)
    let [good, slowest] = [0, 0]
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < COUNT / 5; i++) {
      const bytes = change(files[i % files.length], random)
      const start = process.cpuUsage().user
      try {
        fromOnnx(bytes)
        good++
      } catch (error) {
        if (!(error instanceof FileError)) throw error
        expect(error.message).toMatch(/^fromOnnx: /)
      }
      slowest = Math.max(slowest, (process.cpuUsage().user - start) / 1000)
    }
    if (process.env.HOSTILE) {
      console.log(name, { good, slowest, grown: process.memoryUsage().arrayBuffers - before })
    }
    // Of the processor's time, which other work on the machine does not take.
    expect(slowest).toBeLessThan(100)
  })
})

// ---- one by one ----

const value = (name: string, dims: number[], elemType = 1) => ({
  name,
  type: { tensorType: { elemType, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } },
})
const fileOf = (graph: GraphProto, more: ModelProto = {}) =>
  encodeModel({
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    graph: { input: [value('x', [1, 4])], output: [value('y', [1, 4])], ...graph },
    ...more,
  })
const relu = { opType: 'Relu', name: 'r', input: ['x'], output: ['y'] }
const read = (graph: GraphProto, more?: ModelProto) => () => fromOnnx(fileOf(graph, more))

test('the file that the others differ from is right', () => {
  expect(read({ node: [relu] })().input).toEqual([4])
})

test.each<[string, GraphProto, RegExp]>([
  [
    'a cycle',
    {
      node: [
        { ...relu, input: ['z'] },
        { ...relu, name: 'q', input: ['y'], output: ['z'] },
      ],
    },
    /rests on itself: the graph has a cycle/,
  ],
  [
    'a node that reads itself',
    { node: [{ ...relu, input: ['y'] }] },
    /'r', Relu, from 'y' to 'y': 'y' rests on itself/,
  ],
  ['a value given twice', { node: [relu, { ...relu, name: 'again' }] }, /'again'.*'y' is given twice/],
  [
    'two inputs of a name',
    { node: [relu], input: [value('x', [1, 4]), value('x', [1, 4])] },
    /two inputs have one name: x/,
  ],
  [
    'two initializers of a name',
    { node: [relu], initializer: [{ name: 'w' }, { name: 'w' }] },
    /two initializers are called 'w'/,
  ],
  ['a value of nobody', { node: [{ ...relu, input: ['nothing'] }] }, /nothing in the file gives 'nothing'/],
  ['no output', { node: [relu], output: [] }, /the graph has no output/],
  [
    'a negative size',
    { node: [relu], input: [value('x', [1, -4])] },
    /the input 'x' has the shape \(1, -4\), which is none/,
  ],
  [
    'a size left open',
    { node: [relu], input: [value('x', [1, 0])] },
    /leaves its shape open: \[\?\]; give .* \{ input: \[\?\] \}/,
  ],
  ['an input of text', { node: [relu], input: [value('x', [1, 4], 8)] }, /of the type 8, where numbers are wanted/],
  [
    'an unknown operator',
    { node: [{ ...relu, opType: 'Einsum' }] },
    /'r', Einsum, from 'x' to 'y': no layer does what/,
  ],
  ['a graph within', { node: [{ ...relu, opType: 'Loop' }] }, /'r', Loop, .*graphs within graphs are not read/],
  [
    'a foreign operator',
    { node: [{ ...relu, domain: 'com.microsoft' }] },
    /no layer does what this operator of 'com.microsoft' does/,
  ],
  [
    'an operator without inputs',
    { node: [{ ...relu, input: [] }] },
    /'r', Relu, from nothing to 'y': it computes with constants alone/,
  ],
  ['an input left out', { node: [{ ...relu, opType: 'Conv', input: ['x', ''] }] }, /'r', Conv, .*it lacks its input 1/],
  ['sparse initializers', { node: [relu], sparseInitializer: [{}] }, /sparse initializers are not read/],
])('%s is refused', (_, graph, message) => {
  expect(read(graph)).toThrow(FileError)
  expect(read(graph)).toThrow(message)
})

const add = { opType: 'Add', name: 'a', input: ['x', 'c'], output: ['y'] }
test.each<[string, NonNullable<GraphProto['initializer']>[number], RegExp]>([
  [
    'huge without data',
    { dims: [2 ** 30, 2 ** 9], dataType: 1 },
    /is damaged: of its shape .* there are 549755813888 values, the file has 0/,
  ],
  ['of an overflowing product', { dims: [2 ** 50, 2 ** 50], dataType: 1 }, /has the shape .*, which is none/],
  ['of a negative size', { dims: [-1], dataType: 1 }, /has the shape \(-1\), which is none/],
  [
    'in another file',
    { dims: [4], dataType: 1, dataLocation: 1, externalData: [{ key: 'location', value: 'w' }] },
    /lies in another file \(external data\)/,
  ],
  ['of text', { dims: [4], dataType: 8 }, /has values of the type 8, which are no numbers/],
  [
    'too short',
    { dims: [4], dataType: 1, rawData: new Uint8Array(15) },
    /is damaged: .* there are 4 values, the file has 3.75/,
  ],
])('a tensor %s is refused', (_, tensor, message) => {
  expect(read({ node: [add], initializer: [{ name: 'c', ...tensor }] })).toThrow(message)
  expect(read({ node: [add], initializer: [{ name: 'c', ...tensor }] })).toThrow(FileError)
})

test('constants that grow and grow are refused, without the memory', () => {
  const node = [
    { opType: 'ConstantOfShape', input: ['n'], output: ['c0'] },
    { ...add, input: ['c0', 'small'], output: ['d0'] },
    ...Array.from({ length: 60 }, (_, i) => ({
      opType: 'Concat',
      input: [`d${i}`, `d${i}`],
      output: [`d${i + 1}`],
      attribute: [{ name: 'axis', i: 0, type: 2 }],
    })),
    { ...add, input: ['x', 'd60'] },
  ]
  const initializer = [
    { name: 'n', dims: [1], dataType: 7, int64Data: [4] },
    { name: 'small', dims: [4], dataType: 1, floatData: [1, 2, 3, 4] },
  ]
  const before = process.memoryUsage().arrayBuffers
  expect(read({ node, initializer })).toThrow(/wants constants of \d+ numbers, far more than the file has/)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 22)
})

test.each<[string, ModelProto, RegExp]>([
  ['of old operators', { opsetImport: [{ version: 6 }] }, /uses version 6 of the operators, and 7 is the oldest/],
  ['of operators of its own', { functions: [{ name: 'f' }] }, /defines operators of its own, such as 'f'/],
])('a file %s is refused', (_, more, message) => {
  expect(read({ node: [relu] }, more)).toThrow(message)
})

test.each<[string, Uint8Array]>([
  ['nothing', new Uint8Array()],
  ['text', new TextEncoder().encode('this is no model')],
  ['a number without an end', new Uint8Array(20).fill(255)],
  ['a length beyond the end', Uint8Array.of(58, 255, 255, 255, 255, 15)],
  ['messages in messages without an end', nested(500)],
])('%s is no ONNX file', (_, bytes) => {
  expect(() => fromOnnx(bytes)).toThrow(FileError)
})

/** A graph in a node in a graph, and so on. */
function nested(depth: number): Uint8Array {
  let bytes = new Uint8Array()
  const wrap = (field: number, part: Uint8Array) => {
    const [low, high] = [part.length & 127, part.length >> 7]
    return Uint8Array.from(
      high > 127
        ? [field * 8 + 2, low | 128, (high & 127) | 128, high >> 7, ...part]
        : high
          ? [field * 8 + 2, low | 128, high, ...part]
          : [field * 8 + 2, low, ...part],
    )
  }
  for (let i = 0; i < depth; i++) bytes = wrap(1, wrap(5, wrap(6, bytes)))
  return wrap(7, bytes)
}

test('what it is told is checked', () => {
  const bytes = fileOf({ node: [relu] })
  expect(() => fromOnnx(bytes, { until: 'z' })).toThrow(/nothing in the file is called 'z'; its last values are 'y'/)
  expect(() => fromOnnx(bytes, { until: 1 } as never)).toThrow(PlanError)
  expect(() => fromOnnx(bytes, { input: [5] })).toThrow(/have shape \[4\] in the file, got \[5\]/)
  expect(() => fromOnnx(bytes, { input: [4, 4] })).toThrow(/have 1 axes, the batch not counted; got \[4, 4\]/)
  expect(() => fromOnnx(bytes, { input: { z: [4] } })).toThrow(/the file has no 'z'; it has x/)
  expect(() => fromOnnx('model.onnx' as never)).toThrow(/wants the bytes of an ONNX file/)
})
