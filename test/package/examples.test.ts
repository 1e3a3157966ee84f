// The program that npm start runs: what it prints, what it leaves, and how it ends.

import { createModel } from '../../src/model/create'
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { drawCurves } from '../../examples/chart.js'
import { loadMnist } from '../../examples/mnist-data.js'
import {
  batchNorm,
  conv2d,
  decodeSafetensors,
  dense,
  flatten,
  maxPool2d,
  normalize,
  relu,
  sequential,
  softmaxCrossEntropy,
} from '../../src/entries/index'

const folder = mkdtempSync(join(tmpdir(), 'v128-example-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function start(args: string[], name = 'mnist'): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [join(process.cwd(), `examples/${name}.js`), ...args], { cwd: folder })
}

/** `onText` sees all of standard output whenever more of it came. */
async function run(
  args: string[],
  onText?: (text: string, child: ChildProcessWithoutNullStreams) => void,
  name?: string,
) {
  const child = start(args, name)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    onText?.(stdout, child)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  return { code, stdout, stderr, lines: stdout.trimEnd().split('\n') }
}

function readHistory(out: string) {
  return JSON.parse(readFileSync(join(out, 'history.json'), 'utf8'))
}

function expectPicture(svg: string) {
  expect(svg).toMatch(/^<svg [^]*<\/svg>\n$/)
  expect(svg).not.toMatch(/NaN|undefined|Infinity|>-0</)
}

describe('npm start', () => {
  it('trains, tests, and leaves the weights, the figures and the picture', async () => {
    const out = join(folder, 'new', 'run')
    const args = ['--epochs', '2', '--limit', '640', '--batch', '64', '--out', out]
    const { code, lines, stderr } = await run(args)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(lines.at(-1)).toMatch(/^test accuracy \d+\.\d\d % after 2 epochs in \d+\.\d s$/)
    expect(lines.at(-2)).toContain(out)
    expect(lines.filter((line) => /^epoch [12]\/2 +\d+ % .*loss .*accuracy .*images\/s/.test(line))).toHaveLength(20)
    expect(lines.filter((line) => /^epoch [12]\/2 +test loss .*test accuracy/.test(line))).toHaveLength(2)

    const history = readHistory(out)
    expect(history).toMatchObject({ aborted: false, steps: 20, stepsPerEpoch: 10, parameters: 20586 })
    expect(history.options).toMatchObject({ epochs: 2, batch: 64, seed: 1, limit: 640, dtype: 'float64' })
    expect(history.images).toEqual({ training: 640, test: 10_000 })
    expect(history.epochs).toHaveLength(2)
    expect(history.epochs[1].validationAccuracy).toBe(history.testAccuracy)
    expect(history.seconds).toBeGreaterThan(0)
    expect(history.imagesPerSecond).toBeGreaterThan(0)
    expect(lines.at(-1)).toContain(`${(history.testAccuracy * 100).toFixed(2)} %`)
    // Each batch is a point here: their means are those of the epochs.
    const { curve } = history
    expect(curve.map((point: { step: number }) => point.step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    for (const [epoch, { loss, accuracy }] of history.epochs.entries()) {
      const points = curve.slice(epoch * 10, epoch * 10 + 10)
      const mean = (key: string) => points.reduce((sum: number, p: Record<string, number>) => sum + p[key], 0) / 10
      expect(mean('loss')).toBeCloseTo(loss, 10)
      expect(mean('accuracy')).toBeCloseTo(accuracy, 10)
    }
    const svg = readFileSync(join(out, 'curves.svg'), 'utf8')
    expectPicture(svg)
    expect(svg).toContain(`>MNIST: ${lines.at(-1)}<`)

    const network = sequential(
      normalize({ mean: 0, std: 1 }),
      conv2d(16, { kernel: 3, pad: 1 }),
      batchNorm(),
      relu(),
      maxPool2d(2),
      conv2d(32, { kernel: 3, pad: 1 }),
      batchNorm(),
      relu(),
      maxPool2d(2),
      flatten(),
      dense(10),
    )
    const options = { input: [1, 28, 28], batch: 64, loss: softmaxCrossEntropy(), inference: true }
    const model = await createModel(network, options)
    model.load(readFileSync(join(out, 'model.safetensors')))
    expect(model.evaluate(loadMnist('test'))).toEqual({ loss: history.testLoss, accuracy: history.testAccuracy })
  })

  it.each([
    [['--epochs', '1.5'], '--epochs must be an integer of at least 1'],
    [['--epochs', '0'], '--epochs must be an integer of at least 1'],
    [['--batch', '0'], '--batch must be an integer from 1 to 60000'],
    [['--learning-rate', '-1'], '--learning-rate must be a number above 0'],
    [['--learning-rate', 'fast'], '--learning-rate must be a number above 0'],
    [['--seed', '-1'], '--seed must be an integer of at least 0'],
    [['--seed'], '--seed needs a value'],
    [['--dtype', 'float16'], '--dtype must be one of float64, float32'],
    [['--backend', 'gpu'], '--backend must be one of auto, wasm, js'],
    [['--model', 'lenet'], '--model must be one of cnn, lenet5'],
    [['--limit', '60001'], '--limit must be an integer from 1 to 60000'],
    [['--epoch', '1'], 'unknown option --epoch; allowed: --model, --epochs, --batch'],
    [['3'], 'unexpected argument "3"'],
    [['--out', 'file'], '--out must be a folder'],
    [['--out', 'file/below'], '--out must be a folder'],
    [['--batch', '60000'], 'a smaller batch'],
  ])('refuses %j in one line', async (args, message) => {
    writeFileSync(join(folder, 'file'), '')
    const { code, stdout, stderr } = await run(args)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^mnist: [^\n]*\n$/)
    expect(stderr).toContain(message)
    expect(code).toBe(1)
    expect(existsSync(join(folder, 'runs'))).toBe(false)
  })

  it('says in one line that it cannot write', async () => {
    const out = join(folder, 'taken')
    mkdirSync(join(out, 'history.json'), { recursive: true })
    const { code, stderr } = await run(['--epochs', '1', '--limit', '64', '--out', out])
    expect(stderr).toMatch(/^mnist: saveFile: [^\n]*history\.json": this is a folder [^\n]*\n$/)
    expect(code).toBe(1)
  })

  it('trains LeNet-5', async () => {
    const out = join(folder, 'lenet5')
    const args = ['--model', 'lenet5', '--epochs', '1', '--limit', '640', '--out', out]
    const { code, stderr } = await run(args)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(readHistory(out)).toMatchObject({ parameters: 61_706, options: { model: 'lenet5' } })
    expect([...decodeSafetensors(readFileSync(join(out, 'model.safetensors'))).keys()].slice(0, 2)).toEqual([
      'conv1.weight',
      'conv1.bias',
    ])
  })

  it('prints its options and their defaults', async () => {
    const { code, stdout, stderr } = await run(['--help'])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    for (const name of [
      'model',
      'epochs',
      'batch',
      'learning-rate',
      'seed',
      'dtype',
      'backend',
      'limit',
      'out',
      'resume',
      'help',
    ]) {
      expect(stdout).toContain(`--${name} `)
    }
  })

  it('goes on with --resume where it was killed, and ends as if nothing had happened', async () => {
    const args = ['--epochs', '2', '--limit', '3840', '--seed', '3', '--out']
    const [whole, cut] = [join(folder, 'whole'), join(folder, 'cut')]
    await run([...args, whole])
    const checkpoint = join(cut, 'checkpoint.safetensors')
    // Once there is a checkpoint, after a second; and again soon after it went on.
    const first = start([...args, cut])
    const over = new Promise((resolve) => first.on('close', resolve))
    while (first.exitCode === null && !existsSync(checkpoint)) await setTimeout(20)
    first.kill('SIGKILL')
    await over
    await run(['--resume', '--out', cut], async (text, child) => {
      if (!text.includes('going on with')) return
      await setTimeout(200)
      child.kill('SIGKILL')
    })
    expect(existsSync(join(cut, 'history.json'))).toBe(false)
    const { code, stdout, stderr } = await run(['--resume', '--out', cut])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^going on with .*cut, from step \d+$/m)
    const timeless = (history: Record<string, any>) => ({
      ...history,
      options: { ...history.options, out: '' },
      epochs: history.epochs.map((epoch: object) => ({ ...epoch, seconds: 0 })),
      seconds: 0,
      imagesPerSecond: 0,
    })
    expect(timeless(readHistory(cut))).toEqual(timeless(readHistory(whole)))
    const file = (out: string) => readFileSync(join(out, 'model.safetensors'))
    expect(file(cut).equals(file(whole))).toBe(true)
    // It has ended: nothing is left to go on with.
    expect(existsSync(checkpoint)).toBe(false)
    expect((await run(['--resume', '--out', cut])).stderr).toBe(
      `mnist: --resume: there is no run to go on with in ${cut}\n`,
    )
    expect((await run(['--resume', '--seed', '1'])).stderr).toContain('--seed does not go with --resume')
  })

  // On Windows, kill ends a process without asking it.
  describe.skipIf(process.platform === 'win32')('on a signal', () => {
    it.each(['SIGINT', 'SIGTERM'] as const)('%s ends it early with all it learnt', async (signal) => {
      const out = join(folder, signal)
      let sent = false
      const { code, lines, stderr } = await run(['--limit', '6400', '--out', out], (text, child) => {
        if (sent || !text.includes('epoch 1/3')) return
        sent = true
        child.kill(signal)
        // As under npm, which passes on what the terminal sent already.
        child.kill(signal)
      })
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(lines.at(-1)).toMatch(/^test accuracy \d+\.\d\d % after 0\.\d epochs in \d+\.\d s \(stopped early\)$/)
      const history = readHistory(out)
      expect(history).toMatchObject({ aborted: true, epochs: [], stepsPerEpoch: 100 })
      expect(history.steps).toBeGreaterThanOrEqual(10)
      expect(history.curve.at(-1).step).toBe(history.steps)
      expectPicture(readFileSync(join(out, 'curves.svg'), 'utf8'))
      expect(readFileSync(join(out, 'model.safetensors')).length).toBeGreaterThan(8 * 20586)
    })

    it('a second one quits at once', async () => {
      const out = join(folder, 'quit')
      let sent = 0
      // The slow engine, so that the test after the first signal takes long enough for the second.
      const args = ['--limit', '640', '--backend', 'js', '--out', out]
      const { code } = await run(args, async (text, child) => {
        if (sent === 0 && text.includes('epoch 1/3')) {
          sent = 1
          child.kill('SIGINT')
        } else if (sent === 1 && text.includes('stopping')) {
          sent = 2
          await setTimeout(200)
          child.kill('SIGINT')
        }
      })
      expect(code).toBe(130)
      expect(existsSync(join(out, 'history.json'))).toBe(false)
    })
  })
})

describe('the other examples', () => {
  it.each([
    'spirals',
    'softmax-regression',
    'pca',
    'augmentation',
    'optimizers',
    'schedules',
    'search',
    'initialisation',
    'gestures',
    'names',
    'forecast',
    'spam',
  ])('%s prints what its first lines say', async (name) => {
    const source = readFileSync(join(process.cwd(), `examples/${name}.js`), 'utf8')
    const comment = source
      .split(/^(?!\/\/)/m)[0]
      .trimEnd()
      .split('\n')
    const said = comment.slice(comment.indexOf('//') + 1).map((line) => line.replace(/^\/\/ {0,5}/, ''))
    const { code, stderr, lines } = await run([], undefined, name)
    expect(stderr).toBe('')
    expect(code).toBe(0)
    // But for times.
    const figures = (line: string) =>
      line
        .trimEnd()
        .replace(/[\d.]+ ms/, 'ms')
        .replace(/^( *\d+ +\d+ .*\d) +\d+\.\d$/, '$1')
    expect(lines.map(figures)).toEqual(said.map(figures))
    expect(said.length).toBeGreaterThan(1)
    for (const file of said.flatMap((line) => line.match(/^runs\/\w+\.svg/) ?? [])) {
      expectPicture(readFileSync(join(folder, file), 'utf8'))
      // The copy for the documentation is not out of date; zlib may pack its pixels in other ways.
      const text = (path: string) => readFileSync(path, 'utf8').replace(/base64,[^"]+/g, '')
      expect(text(join(process.cwd(), file.replace('runs', 'examples/pictures')))).toBe(text(join(folder, file)))
    }
  })
})

describe('loadMnist', () => {
  it('reads MNIST', () => {
    const { x, y } = loadMnist('train', 5)
    expect([...y]).toEqual([5, 0, 4, 1, 9])
    expect(x).toHaveLength(5 * 784)
    const all = loadMnist('test')
    expect([all.x.length, all.y.length]).toEqual([7_840_000, 10_000])
  })
})

describe('drawCurves', () => {
  const point = (step: number, loss = 1 / step, accuracy = 1 - 1 / (step + 1)) => ({ step, loss, accuracy })
  const many = Array.from({ length: 200 }, (_, i) => point(i + 1))

  it.each([
    ['nothing', [], []],
    ['a test only', [], [point(0, 2.3, 0.1)]],
    ['one step', [point(1)], [point(1)]],
    ['many steps', many, many.filter((_, i) => i % 4 === 3)],
    ['a run that diverged', [point(1), point(2, 1e300, 0.1), point(3, NaN, 0.1)], [point(3, Infinity, 0.1)]],
    ['a loss of 0', [point(1, 0, 1), point(2, 0, 1)], [point(2, 0, 1)]],
  ])('draws %s', (_, training, test) => {
    expectPicture(drawCurves({ title: '<&">', subtitle: 'b', stepsPerEpoch: 4, training, test }))
  })
})
