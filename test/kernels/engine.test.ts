// Where WebAssembly does not compile, models run on the twin, and the library says so once.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createEngine } from '../../src/engine/create'
import { liveMemories } from '../../src/engine/memory'
import type { createModel as Create } from '../../src/model/create'
import { fromStreams } from '../../src/engine/streams'
import { decode } from '../../src/engine/text'
import { type Conv2dOptions, type Layer, type Optimizer, dense } from '../../src/entries/index'
import { PlanError } from '../../src/errors'
import type { Settings } from '../../src/training/core'
import { kernelsOfStep } from '../../src/training/step'

const options = { input: [2], batch: 1 }
let warn: ReturnType<typeof vi.spyOn>
let createModel: typeof Create

beforeEach(async () => {
  warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  // A process of its own, as far as the library can tell.
  vi.resetModules()
  ;({ createModel } = await import('../../src/entries/index'))
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

test.each([
  [
    'a host that forbids it',
    () => vi.spyOn(WebAssembly, 'compile').mockRejectedValue(new WebAssembly.CompileError('forbidden')),
    'CompileError: forbidden',
  ],
  ['a host without it', () => vi.stubGlobal('WebAssembly', undefined), 'WebAssembly'],
])('%s: auto takes the twin and warns once', async (_, forbid, reason) => {
  forbid()
  for (const dtype of ['float64', 'float32', 'float64'] as const) {
    const model = await createModel(dense(1), { ...options, dtype })
    expect(model.backend).toBe('js')
  }
  expect(warn).toHaveBeenCalledTimes(1)
  const [[text]] = warn.mock.calls as string[][]
  expect(text).toMatch(/^v128: this host compiles no WebAssembly /)
  expect(text).toContain(reason)
  for (const hint of ["'wasm-unsafe-eval'", 'v128/kernels.f64.wasm', "backend: 'js'"]) expect(text).toContain(hint)
})

test('who asks for WebAssembly gets an error, who asks for the twin no warning', async () => {
  vi.spyOn(WebAssembly, 'compile').mockRejectedValue(new WebAssembly.CompileError('forbidden'))
  await expect(createModel(dense(1), { ...options, backend: 'wasm', dtype: 'float32' })).rejects.toMatchObject({
    name: 'PlanError',
    message:
      'createModel: this host compiles no WebAssembly (CompileError: forbidden): ' +
      "allow 'wasm-unsafe-eval' in the content security policy, or give createModel a compiled module as `wasm`, such " +
      'as v128/kernels.f32.wasm',
  })
  expect((await createModel(dense(1), { ...options, backend: 'js' })).backend).toBe('js')
  expect(warn).not.toHaveBeenCalled()
})

test('modules of some kernels have what training itself calls, and what they say', async () => {
  const { wasm } = await import('#host')
  const folders = ['model', 'plan', 'training', 'study', 'layers']
  const files = folders.flatMap((folder) => readdirSync(`src/${folder}`).map((file) => `src/${folder}/${file}`))
  const called = files.flatMap((file) =>
    Array.from(readFileSync(file, 'utf8').matchAll(/\bkernels\.(\w+)\(/g), ([, name]) => name),
  )
  const settings = { l1: 1, clipValue: 1, clipNorm: 1, maxNorm: 1 } as Settings
  const ofSettings = kernelsOfStep(settings)
  expect(called).toEqual(expect.arrayContaining([...ofSettings]))
  const always = called.filter((name) => !ofSettings.includes(name))
  expect(always).toContain('firstNotFinite')
  for (const dtype of ['float64', 'float32'] as const) {
    const exported = await Promise.all(
      wasm[dtype].map((group) =>
        Promise.all(
          group.map(async ({ load }) => {
            const { default: text } = await load()
            const module = await WebAssembly.compile(fromStreams(decode(text as string)))
            return WebAssembly.Module.exports(module).map(({ name }) => name)
          }),
        ),
      ),
    )
    const all = exported.flatMap((group) => group.at(-1)!)
    expect(new Set(all).size, 'no kernel is in two groups').toBe(all.length)
    wasm[dtype].forEach((group, i) => {
      const whole = exported[i].at(-1)!
      expect(whole).toEqual(all.filter((name) => group.at(-1)!.kernels.test(name)))
      group.forEach(({ kernels }, j) => {
        // A module may have one variant of a kernel: 'conv2dForward0'.
        const has = (name: string) => kernels.test(name) || (i === 0 && j === 1 && kernels.test(`${name}0`))
        expect(exported[i][j]).toEqual(whole.filter(has))
        if (i === 0) expect(exported[i][j]).toEqual(expect.arrayContaining(always))
      })
    })
  }
})

/** The library, as in a process of its own, whose loads of modules are told to `listen`, each by a letter. */
async function listening(listen: (dtype: string, letter: string) => void) {
  vi.resetModules()
  vi.doMock('#host', async (original) => {
    const host = await original<typeof import('#host')>()
    // dense, cnn7, cnn, all; more.
    const letters = ['d7ca', 'm']
    const wasm = Object.fromEntries(
      Object.entries(host.wasm).map(([dtype, groups]) => [
        dtype,
        groups.map((group, i) =>
          group.map((file, j) => ({ ...file, load: () => (listen(dtype, letters[i][j]), file.load()) })),
        ),
      ]),
    )
    return { ...host, wasm }
  })
  const v128 = await import('../../src/entries/index')
  vi.doUnmock('#host')
  return v128
}

test('a model loads the second group where its layers call that, beside what it calls of the first', async () => {
  const loaded: string[] = []
  const v128 = await listening((_, letter) => loaded.push(letter))
  const network = () => v128.sequential(v128.dense(5), v128.gelu(), v128.dense(2))
  const settings = {
    input: [3],
    batch: 2,
    loss: v128.softmaxCrossEntropy(),
    optimizer: v128.sgd({ learningRate: 0.1 }),
  }
  await v128.createModel(v128.sequential(v128.relu(), v128.dense(5)), settings)
  expect(loaded).toEqual(['d'])
  const bits = await Promise.all(
    [{}, { backend: 'js' as const }, { threads: 2 }].map(async (options) => {
      const model = await v128.createModel(network(), { ...settings, ...options, seed: 1 })
      for (let i = 0; i < 3; i++) model.trainStep([1, -2, 3, -0.5, 0.25, 0], [0, 1])
      const weights = Object.values(model.parameters).map(({ data }) => [...data])
      model.close()
      return weights
    }),
  )
  expect(bits[1]).toEqual(bits[0])
  expect(bits[2]).toEqual(bits[0])
  expect(loaded.toSorted()).toEqual(['d', 'd', 'd', 'm', 'm'])
})

test('kernels that are handed in must be those of the network', async () => {
  const files = ['kernels', 'kernels.more'].map((group) => readFileSync(`dist/${group}.f64.wasm`))
  const { gelu, sequential } = await import('../../src/entries/index')
  const create = (wasm: unknown, threads = 1) =>
    createModel(sequential(dense(1), gelu()), { ...options, seed: 1, threads, wasm: wasm as never })
  const lacks = (name: string) =>
    `createModel: wasm lacks ${name}; give the compiled module of v128/kernels.f64.wasm, or its bytes, and ` +
    'v128/kernels.more.f64.wasm: [a, b]'
  const [first, more] = files
  for (const wasm of [first, await WebAssembly.compile(first), [first, first]]) {
    await expect(create(wasm)).rejects.toMatchObject({
      name: 'PlanError',
      message: lacks('curveForward'),
    })
  }
  await expect(create([more])).rejects.toMatchObject({
    name: 'PlanError',
    message: lacks('norm'),
  })
  await expect(create([first, more.subarray(0, 100)])).rejects.toMatchObject({ name: 'PlanError' })
  const own = (await create(undefined)).predict([1, 2]).data
  for (const wasm of [files, files.toReversed(), await Promise.all(files.map((file) => WebAssembly.compile(file)))]) {
    expect((await create(wasm)).predict([1, 2]).data).toEqual(own)
  }
  const threaded = await create(files, 2)
  expect(threaded.threads).toBe(2)
  expect(threaded.predict([1, 2]).data).toEqual(own)
  threaded.close()
})

test('a model takes the smallest module that has its kernels, and a larger one that is there already', async () => {
  const loaded: string[] = []
  const { avgPool2d, conv2d, flatten, sequential, sgd, ...v128 } = await listening((_, letter) => loaded.push(letter))
  const create = (network: Layer, optimizer = sgd({ learningRate: 0.1 })) =>
    v128.createModel(network, { input: [1, 4, 4], loss: v128.meanSquaredError(), optimizer, backend: 'wasm' })
  const dense = () => sequential(flatten(), v128.dense(2))
  const image = () => sequential(conv2d(2, { kernel: 3 }), flatten(), v128.dense(2))
  await v128.createModel(dense(), { input: [4] })
  expect(loaded).toEqual(['d'])
  // Its loss is not among those of the module for CNNs.
  await create(image())
  expect(loaded).toEqual(['d', 'a'])
  await create(sequential(avgPool2d(2), flatten()))
  await v128.createModel(image(), { input: [1, 4, 4] })
  await v128.createModel(dense(), { input: [4] })
  expect(new Set(loaded)).toEqual(new Set(['d', 'a']))
  // What an optimizer of somebody's own calls is not known.
  loaded.length = 0
  const own = { ...sgd({ learningRate: 0.1 }), kind: 'own', uses: undefined } as Optimizer
  await create(dense(), own)
  expect(loaded).toEqual(['a'])
})

test('convolutions load a module without what they do not call, and others do not', async () => {
  const loaded: string[] = []
  const v128 = await listening((_, letter) => loaded.push(letter))
  // Those of the smaller module first, for a larger one that is there already is taken as well.
  const sizes: [size: number, options: Partial<Conv2dOptions>, channels: number, wanted: string, filters?: number][] = [
    [14, {}, 3, '7'],
    [14, {}, 1, '7'],
    [14, { kernel: 5 }, 1, 'c'],
    [28, { algorithm: 'direct' }, 1, '7'],
    [28, { algorithm: 'direct' }, 3, 'c'],
    [14, { kernel: 1, pad: 0 }, 3, 'c'],
    [28, {}, 3, 'c'],
    [14, { pad: 0 }, 3, 'c'],
    [14, { pad: 2 }, 1, 'c'],
    [14, { kernel: 5, pad: 2 }, 3, 'c'],
    [3, {}, 1, 'c'],
    [14, {}, 257, 'c'],
    [14, {}, 41, 'c', 40],
    [14, { stride: 2 }, 3, 'c'],
    [14, { dilation: 2 }, 3, 'c'],
    [14, { groups: 3 }, 3, 'c'],
  ]
  for (const dtype of ['float64', 'float32'] as const) {
    for (const [size, options, channels, wanted, filters = 6] of sizes) {
      const what = `${dtype} ${size} ${channels} ${JSON.stringify(options)}`
      const outputs = await Promise.all(
        (['wasm', 'js'] as const).map(async (backend) => {
          const network = v128.sequential(v128.conv2d(filters, { kernel: 3, pad: 1, ...options }))
          const shape = { input: [channels, size, size], batch: 3, dtype, backend, seed: 1 }
          const model = await v128.createModel(network, shape)
          const random = v128.createRandom(2)
          const draw = (length: number) => Float64Array.from({ length }, () => random.normal())
          const { data } = model.forward(draw(3 * channels * size * size), { training: true })
          const y = data.slice()
          const dx = model.backward(draw(y.length))
          return [y, dx.data.slice(), ...Object.values(model.gradients).map((gradient) => gradient.data.slice())]
        }),
      )
      expect(outputs[0], what).toEqual(outputs[1])
      expect(loaded.at(-1), what).toBe(wanted)
    }
  }
})

test('products and losses that are out of the ordinary load all of their kernels', async () => {
  const loaded: string[] = []
  const names = async (
    network: (v128: typeof import('../../src/entries/index')) => Layer,
    loss = {},
    input = [1, 8, 8],
  ) => {
    loaded.length = 0
    const v128 = await listening((_, letter) => loaded.push(letter))
    await v128.createModel(network(v128), { input, batch: 1, loss: v128.softmaxCrossEntropy(loss) })
    return loaded.join('')
  }
  const cnn = (v128: typeof import('../../src/entries/index')) =>
    v128.sequential(v128.conv2d(2, { kernel: 3, pad: 1 }), v128.flatten(), v128.dense(2))
  expect(await names(cnn)).toBe('7')
  expect(await names(cnn, { labelSmoothing: 0.1 })).toBe('c')
  expect(await names(cnn, { classWeights: [1, 2] })).toBe('c')
  expect(await names(cnn, {}, [1, 182, 182])).toBe('c')
})

test('a model has the kernels of its settings', async () => {
  const runs = [
    [0.1, 'wasm'],
    [0.1, 'js'],
    [undefined, 'wasm'],
  ] as const
  const x = Float64Array.from({ length: 32 }, (_, i) => i / 32)
  for (const name of ['l2', 'l1', 'clipValue', 'clipNorm', 'maxNorm']) {
    const weights = []
    for (const [value, backend] of runs) {
      // So that no module is there already.
      vi.resetModules()
      const { conv2d, createModel, flatten, sequential, sgd, softmaxCrossEntropy } =
        await import('../../src/entries/index')
      const model = await createModel(sequential(conv2d(3, { kernel: 4 }), flatten()), {
        input: [1, 4, 4],
        loss: softmaxCrossEntropy(),
        optimizer: sgd({ learningRate: 1 }),
        backend,
        [name]: value,
      })
      model.trainStep(x, [0, 2])
      weights.push(model.parameters['0.weight'].data.slice())
    }
    expect(weights[0], name).toEqual(weights[1])
    expect(weights[0], name).not.toEqual(weights[2])
  }
})

test('a file of kernels that does not come is an error, not a reason for the twin, and is asked for again', async () => {
  let failures = 1
  vi.resetModules()
  vi.doMock('#host', async (original) => {
    const host = await original<typeof import('#host')>()
    const float32 = host.wasm.float32.map((group) =>
      group.map((file) => ({
        ...file,
        load: () => (failures-- > 0 ? Promise.reject(new TypeError('Failed to fetch')) : file.load()),
      })),
    )
    return { ...host, wasm: { ...host.wasm, float32 } }
  })
  ;({ createModel } = await import('../../src/entries/index'))
  vi.doUnmock('#host')
  await expect(createModel(dense(1), { ...options, dtype: 'float32' })).rejects.toMatchObject({
    name: 'FileError',
    message: expect.stringMatching(
      /^createModel: the kernels for float32 do not load: TypeError: Failed to fetch; .*try again/,
    ),
  })
  expect((await createModel(dense(1), options)).backend).toBe('wasm')
  expect((await createModel(dense(1), { ...options, dtype: 'float32' })).backend).toBe('wasm')
  expect(warn).not.toHaveBeenCalled()
})

test('kernels of another version, of another precision, or none at all are refused', async () => {
  const bytes = readFileSync('dist/kernels.f32.wasm')
  const other = Uint8Array.from(bytes)
  other[other.length - 1] ^= 1
  const bare = bytes.subarray(0, bytes.lastIndexOf('\x04v128') - 2)
  const take = '; give the compiled module of v128/kernels.f32.wasm, or its bytes'
  for (const wrong of [other, bare, readFileSync('dist/kernels.f64.wasm')]) {
    for (const wasm of [wrong, await WebAssembly.compile(wrong)]) {
      await expect(createModel(dense(1), { ...options, dtype: 'float32', wasm })).rejects.toMatchObject({
        name: 'PlanError',
        message: expect.stringContaining(`not v128's kernels for float32, of this version${take}`),
      })
    }
  }
  for (const wasm of ['kernels.f32.wasm', Promise.resolve(bytes), new Response(bytes)] as never[]) {
    await expect(createModel(dense(1), { ...options, dtype: 'float32', wasm })).rejects.toMatchObject({
      name: 'PlanError',
      message: expect.stringMatching(/^createModel: wasm (is not v128's kernels|must be|is a promise)/),
    })
  }
  for (const wasm of [bytes, await WebAssembly.compile(bytes)]) {
    const model = await createModel(dense(1), { ...options, dtype: 'float32', wasm })
    expect(model.backend).toBe('wasm')
  }
})

test('models compile the kernels once for each precision', async () => {
  const compile = vi.spyOn(WebAssembly, 'compile')
  const dtypes = ['float64', 'float32'] as const
  const models = await Promise.all([...dtypes, ...dtypes].map((dtype) => createModel(dense(1), { ...options, dtype })))
  expect(models.map((model) => model.backend)).toEqual(['wasm', 'wasm', 'wasm', 'wasm'])
  expect(compile).toHaveBeenCalledTimes(2)
  expect(warn).not.toHaveBeenCalled()
})

describe('memory', () => {
  const MiB = 2 ** 20

  test.each(['wasm', 'js'] as const)('%s: close empties every view, and what follows is an error', async (backend) => {
    const before = liveMemories()
    const engine = await createEngine('float64', 3 * 65536, backend)
    const views = [new Float64Array(engine.buffer), new Int32Array(engine.buffer, 64, 4)]
    expect(views.map((view) => view.byteLength)).toEqual([3 * 65536, 16])
    expect(liveMemories()).toEqual({ count: before.count + 1, bytes: before.bytes + 3 * 65536 })
    engine.close()
    expect(views.map((view) => view.byteLength)).toEqual([0, 0])
    expect(liveMemories()).toEqual(before)
    engine.close()
    expect(liveMemories()).toEqual(before)
    for (const part of ['kernels', 'buffer'] as const) {
      expect(() => engine[part]).toThrow(new PlanError('this model was closed; create another'))
    }
  })

  test('a size that cannot be had: what needs less', async () => {
    const wish = createEngine('float64', 2 ** 50, 'js')
    await expect(wish).rejects.toThrow(PlanError)
    await expect(wish).rejects.toThrow(/no memory of 1073741824\.0 MiB; a smaller batch or dtype 'float32' needs less/)
    const Memory = WebAssembly.Memory
    vi.spyOn(WebAssembly, 'Memory').mockImplementation(function (size) {
      if (size.initial > 100) throw new RangeError('could not allocate memory')
      return new Memory(size)
    })
    const other = await createEngine('float32', 65536, 'js')
    const { count, bytes } = liveMemories()
    await expect(createEngine('float32', 100 * MiB, 'wasm')).rejects.toThrow(
      "createModel: this host gives no memory of 100.0 MiB; a smaller batch or dtype 'float32' needs less; " +
        `models living in this thread: ${count}, of ${(bytes / MiB).toFixed(1)} MiB; close()`,
    )
    other.close()
  })

  /** Runs a program that may use createEngine and liveMemories, with so many GiB of addresses, and gives what it prints. */
  async function run(program: string, addresses?: number): Promise<unknown> {
    const imports = `import { createEngine } from './create'\nimport { liveMemories } from './memory'\n`
    const { outputFiles } = await build({
      stdin: { contents: imports + program, resolveDir: 'src/engine', loader: 'ts' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      write: false,
    })
    const file = join(mkdtempSync(join(tmpdir(), 'v128-memory-')), 'program.mjs')
    writeFileSync(file, outputFiles[0].text)
    const limit = addresses ? `ulimit -v ${addresses * MiB}; ` : ''
    try {
      const shell = ['-c', `${limit}exec "$0" --expose-gc "$1"`, process.execPath, file]
      return JSON.parse(execFileSync('sh', shell, { encoding: 'utf8' }))
    } finally {
      rmSync(dirname(file), { recursive: true })
    }
  }

  test('130 live at once, and are no longer counted when they were dropped', async () => {
    const counts = await run(`
      let kept = []
      while (kept.length < 130) kept.push(await createEngine('float64', 65536, kept.length % 2 ? 'wasm' : 'js'))
      const counts = [liveMemories()]
      kept = kept.slice(0, 3)
      for (let i = 0; i < 5; i++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      console.log(JSON.stringify([...counts, liveMemories(), kept.length]))
    `)
    expect(counts).toEqual([{ count: 130, bytes: 130 * 65536 }, { count: 3, bytes: 3 * 65536 }, 3])
  })

  // A page of Chromium has room for 125 of them; here a limit stands for that.
  test.skipIf(process.platform !== 'linux')('where no addresses are left, the error says how many live', async () => {
    const results = (await run(
      `
      const create = () => createEngine('float64', 65536, 'wasm')
      // Keeps what pick gives of each engine, until there are no addresses left.
      async function fill(pick) {
        const kept = []
        try {
          while (kept.length < 100) kept.push(pick(await create()))
        } catch (error) {
          return { kept, room: kept.length, message: error.message }
        }
      }
      const whole = (engine) => engine
      for (let i = 0; i < 100; i++) await create()
      const { room, message } = await fill(whole)
      const afterDrop = await fill(whole)
      afterDrop.kept.forEach((engine) => engine.close())
      const afterClose = await fill((engine) => new Uint8Array(engine.buffer))
      const besideViews = await fill(whole)
      const views = afterClose.kept.every((view) => view.length === 65536)
      console.log(JSON.stringify({
        room, message, afterDrop: afterDrop.room, afterClose: afterClose.room, besideViews: besideViews.room, views,
      }))
      `,
      100,
    )) as Record<string, unknown>
    const { room, message, ...rest } = results
    expect(room).toBeGreaterThan(3)
    expect(rest).toEqual({ afterDrop: room, afterClose: room, besideViews: 0, views: true })
    expect(message).toBe(
      `createModel: this host gives no memory of 0.1 MiB, nor any other; models living in this thread: ${room}, of ` +
        `${(Number(room) / 16).toFixed(1)} MiB; close() those not needed, or drop them with every view of their ` +
        'parameters; each memory of WebAssembly takes 8 to 10 GiB of the addresses that a process has for all its ' +
        "threads, one of backend: 'js' its own size",
    )
  })
})
