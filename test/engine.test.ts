// Where WebAssembly does not compile, models run on the twin, and the library says so once.
import type { createModel as Create } from '../src/model/create'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { dense } from '../src/entries/index'

const options = { input: [2], batch: 1 }
let warn: ReturnType<typeof vi.spyOn>
let createModel: typeof Create

beforeEach(async () => {
  warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
  // A process of its own, as far as the library can tell.
  vi.resetModules()
  ;({ createModel } = await import('../src/entries/index'))
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
  for (const hint of ["'wasm-unsafe-eval'", "'v128/kernels.f64.wasm'", "backend: 'js'"]) expect(text).toContain(hint)
})

test('who asks for WebAssembly gets an error, who asks for the twin no warning', async () => {
  vi.spyOn(WebAssembly, 'compile').mockRejectedValue(new WebAssembly.CompileError('forbidden'))
  await expect(createModel(dense(1), { ...options, backend: 'wasm' })).rejects.toThrow('forbidden')
  expect((await createModel(dense(1), { ...options, backend: 'js' })).backend).toBe('js')
  expect(warn).not.toHaveBeenCalled()
})

test('models compile the kernels once for each precision', async () => {
  const compile = vi.spyOn(WebAssembly, 'compile')
  const dtypes = ['float64', 'float32'] as const
  const models = await Promise.all([...dtypes, ...dtypes].map((dtype) => createModel(dense(1), { ...options, dtype })))
  expect(models.map((model) => model.backend)).toEqual(['wasm', 'wasm', 'wasm', 'wasm'])
  expect(compile).toHaveBeenCalledTimes(2)
  expect(warn).not.toHaveBeenCalled()
})
