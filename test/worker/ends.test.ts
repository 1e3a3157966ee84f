// How a model in a worker ends: closed, dropped, idle; and a worker that crashes, and what goes on from there.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { PlanError, dense } from '../../src/entries/index'
import { createWorkerModel } from '../../src/entries/worker'
import { connect } from '../../src/worker/connection'
import type { WorkerHost } from '../../src/worker/host'
import { host as threads } from '../../src/worker/threads'
import { host as web } from '../../src/worker/web'
import { createRemote, data, network, rejection, settings, startWorker, twins } from '../support/workers'

const forever = { epochs: Infinity }

/** A worker that the test can end. */
function killable() {
  let worker: Worker | undefined
  return {
    make: () => (worker = startWorker()),
    kill: () => worker!.terminate(),
  }
}

describe('close', () => {
  test('ends what is in flight, and all that follows, at once', async () => {
    const remote = await createRemote()
    const calls = { fit: remote.fit(data, forever), evaluate: remote.evaluate(data), predict: remote.predict(data.x) }
    const ends = Object.entries(calls).map(async ([name, call]) => [name, await rejection(() => call)] as const)
    const closed = remote.close()
    for (const [name, error] of await Promise.all(ends)) {
      expect(error).toBeInstanceOf(PlanError)
      expect(String(error)).toBe(`PlanError: ${name}: this model was closed; create another`)
    }
    await closed
    await remote.close()
    const after: Record<string, () => unknown> = {
      fit: () => remote.fit(data),
      learningRate: () => remote.learningRate,
      threads: () => remote.threads,
      memory: () => remote.memory,
      parameters: () => remote.parameters,
      epoch: () => (remote.epoch = 1),
      save: () => remote.save(),
    }
    for (const [name, use] of Object.entries(after)) {
      expect(String(await rejection(use)), name).toBe(`PlanError: ${name}: this model was closed; create another`)
    }
    // What is a matter of how it was made is still known.
    expect([remote.batch, remote.seed]).toEqual([16, 3])
  })

  test('ends a run that waits for its callback, or in it', async () => {
    const remote = await createRemote()
    const run = rejection(() => remote.fit(data, { onBatch: () => void remote.close() }))
    expect(String(await run)).toMatch(/fit: this model was closed/)
  })
})

describe('a worker that ends', () => {
  const gone = /^PlanError: (\w+): the worker of this model is gone: .*; create the model once more, and go on from its/

  test('rejects all that is in flight, and what follows', async () => {
    const { make, kill } = killable()
    const remote = await createRemote({ worker: make })
    const silent = async function* () {
      yield await new Promise<never>(() => {})
    }
    const ends = [remote.fit(data, forever), remote.evaluate(silent)].map((call) => rejection(() => call))
    await remote.passes
    await kill()
    const [fit, evaluate] = await Promise.all(ends)
    expect(fit).toBeInstanceOf(PlanError)
    expect(String(fit)).toMatch(gone)
    expect(String(fit)).toContain('fit: the worker of this model is gone: it ended, with code 1; ')
    expect(String(evaluate)).toMatch(gone)
    for (const use of [() => remote.save(), () => remote.learningRate, () => (remote.learningRate = 1)]) {
      expect(String(await rejection(use))).toMatch(gone)
    }
    await remote.close()
  })

  test('for want of memory says so', async () => {
    const worker = () => startWorker({ resourceLimits: { maxOldGenerationSizeMb: 24 } })
    const remote = await createRemote({ worker })
    // Numbers in an array of that many objects, which a worker has no room for.
    const x = Array.from({ length: 4_000_000 }, (_, i) => i + 0.5)
    const error = (await rejection(() => remote.fit({ x, y: x }))) as Error
    expect(String(error)).toMatch(gone)
    expect(error.message).toMatch(/memory/)
    expect(error.cause).toMatchObject({ code: 'ERR_WORKER_OUT_OF_MEMORY' })
  })

  test('goes on in another from its last checkpoint, with the same bits', async () => {
    const { local } = await twins()
    const whole = await local.fit(data, { epochs: 6 })
    const { make, kill } = killable()
    let last: Uint8Array<ArrayBuffer> | undefined
    let crashes = 0
    const train = async () => {
      const model = await createRemote({ worker: crashes ? startWorker : make })
      const history = await model.fit(data, {
        epochs: 6,
        resume: last,
        checkpoint: { every: { steps: 4 }, save: (bytes) => void (last = bytes) },
        async onBatch({ epoch, batch }) {
          if (crashes || epoch !== 2 || batch !== 3) return
          crashes++
          await kill()
        },
      })
      return { model, history }
    }
    const { model, history } = await train().catch(train)
    expect(crashes).toBe(1)
    expect(history).toEqual(whole)
    expect(await model.save()).toEqual(local.save())
    const again = await createRemote()
    await again.restore(last!)
    expect(await again.save()).toEqual(local.save())
    await Promise.all([model.close(), again.close()])
  })
})

describe('a worker that cannot be started', () => {
  const folder = mkdtempSync(join(tmpdir(), 'v128-worker-'))
  const scriptOf = (name: string, text: string) => {
    const file = join(folder, `${name}.mjs`)
    writeFileSync(file, text)
    return () => new Worker(file)
  }
  const create = (worker: () => Worker) => rejection(() => createWorkerModel(dense(1), { input: [1], worker }))

  test('says why, and what to do', async () => {
    const missing = await create(() => new Worker(join(folder, 'missing.mjs')))
    expect(String(missing)).toMatch(
      /^PlanError: createWorkerModel: the worker could not be started: it threw Error: Cannot find module.*; its script must import 'v128\/worker\/script'$/,
    )
    expect(String(await create(scriptOf('throws', 'throw new TypeError("mine")')))).toMatch(/it threw TypeError: mine/)
    expect(String(await create(scriptOf('empty', '')))).toMatch(/started: it ended, with code 0; its script must/)
    rmSync(folder, { recursive: true })
  })

  test('of the package names the entry point that a bundler needs', async () => {
    const start = () => new Worker(join(folder, 'missing.mjs'))
    const failing = (host: WorkerHost) => rejection(() => connect('createWorkerModel', { ...host, start })).then(String)
    expect(await failing(web)).toMatch(
      /; a bundler must put v128-worker.js .*v128-worker=v128\/worker\/script; or .*must allow it: worker-src 'self'$/,
    )
    const near = await failing(threads)
    expect(near).toMatch(
      /; a bundle must have v128-worker.node.js beside it: .*v128-worker.node=v128\/worker\/script; or/,
    )
    expect(near).not.toMatch(/Vite|webpack|policy/)
    // That a policy forbids it is told by nothing but this.
    const silent = () => {
      const events: Record<string, (event: object) => void> = {}
      setTimeout(() => events.error({ preventDefault() {} }))
      const addEventListener = (name: string, listener: (event: object) => void) => void (events[name] = listener)
      return { addEventListener, postMessage() {}, terminate() {} }
    }
    expect(String(await rejection(() => connect('createWorkerModel', web, silent)))).toMatch(
      /it failed without a word; its script must import 'v128\/worker\/script'; a content security policy.*'self'$/,
    )
  })
})

test('a host without workers says so', async () => {
  const { host } = await import('../../src/worker/no-workers')
  expect(String(await rejection(() => connect('createWorkerModel', host)))).toBe(
    'PlanError: createWorkerModel: this host has no workers; take createModel',
  )
})

test('a worker that was started before serves as well, and keeps messages of its own', async () => {
  const worker = startWorker()
  await new Promise((resolve) => worker.once('message', resolve))
  const remote = await createWorkerModel(network(), { ...settings, worker: () => worker })
  worker.postMessage('something else')
  worker.emit('message', 'from somewhere else')
  expect((await remote.fit(data)).stopped).toBe('end')
  await remote.close()
})

test('a worker serves one model, and no other after it', async () => {
  const worker = startWorker()
  const remote = await createRemote({ worker: () => worker })
  const wanted =
    'PlanError: createWorkerModel: worker gave a worker that has, or had, another model; each model needs one of its ' +
    'own: () => new Worker(...)'
  expect(String(await rejection(() => createRemote({ worker: () => worker })))).toBe(wanted)
  expect((await remote.fit(data)).stopped).toBe('end')
  await remote.close()
  expect(String(await rejection(() => createRemote({ worker: () => worker })))).toBe(wanted)
})

describe('a process', () => {
  const script = fileURLToPath(new URL('../support/dropped.js', import.meta.url))
  const run = promisify(execFile)
  const start = (name: string) => run(process.execPath, ['--expose-gc', script, name], { timeout: 60_000 })

  test('ends though a model is idle', async () => {
    expect((await start('idle')).stdout).toBe('idle\n')
  })

  test('goes on while a call is in flight', async () => {
    expect((await start('busy')).stdout).toBe('2000 steps\n')
  })

  test('ends the workers of models that are dropped, but not of one that trains', async () => {
    expect(JSON.parse((await start('dropped')).stdout)).toEqual({ left: 1, stopped: 'signal', ends: 3 })
  })

  test('that exits ends them', async () => {
    expect(await rejection(() => start('exit'))).toMatchObject({ code: 3, stdout: 'exit true\n' })
  })
})
