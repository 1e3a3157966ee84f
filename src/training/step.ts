// One pass over a batch: forward, loss, backward, and the step of the optimizer. It is whole or has not been: whatever
// throws, and where the loss is no finite number, the model is as it was before.

import { DataError, PlanError, callable, note, show } from '../errors'
import type { Optimizer } from '../optimizers/optimizer'
import { beginPass, runAll, runCall, wantInput } from '../plan/run'
import { type Core, type Objective, type Pass, type Settings, needFree, needNoStep, needOpen } from './core'
import { weightOf } from './counts'
import { badGradient, largeGradient } from './gradients'
import { addDecay, decayLoss, record, runLosses } from './losses'
import { update } from './parts'
import { rateOf } from './rate'
import { carryOn, restoreState, takeState } from './state'

// ---- a pass, call by call ----

/**
 * Begins a pass over the n loaded rows: a training step, or the loss alone, from call `first` on, 0 unless given. `advance`
 * runs it call by call, so that there may be pauses within; whatever needs the model meanwhile settles it first.
 */
export function begin(core: Core, pass: Pass, n: number, trains: boolean, rate?: number, first = 0): void {
  const { counters, run, settings, undo, lonelyNorm } = core
  // The rate comes before anything changes, for a schedule may throw.
  if (trains) pass.rate = rate ?? rateOf(core)
  // So does what the user is told: a console may throw as well.
  if (trains && n === 1 && lonelyNorm) {
    note(
      `${lonelyNorm} got a batch of one row, which has no variance: running_var stays as it is, the output is bias ` +
        `alone; fit's dropLast: true leaves it out`,
    )
  }
  if (trains) {
    // Kernels cannot throw, TypeScript of others can; an optimizer that tries several places changes everything meanwhile.
    if (run.mayThrow || settings.optimizer?.minimize) undo.all = takeState(core, undo.all)
    else undo.buffers.set(undo.liveBuffers)
    counters.passes++
  }
  pass.trains = trains
  pass.diverged = false
  pass.trouble = undefined
  pass.error = undefined
  pass.first = first
  pass.at = first
  pass.rows = n
  core.pass = pass
  try {
    beginForward(core, n, trains)
  } catch (error) {
    end(core, pass, !trains)
    throw error
  }
}

/** Runs the next call of the pass in work. False once all is done. */
export function advance(core: Core): boolean {
  const { pass } = core
  if (!pass.rows) return false
  needOpen(pass === core.ownPass ? 'this pass' : 'fit', core)
  try {
    return proceed(core, pass)
  } catch (error) {
    end(core, pass, !pass.trains)
    throw error
  }
}

/** Runs the pass in work to its end. What it throws is thrown where the pass was begun. */
export function settle(where: string, core: Core): void {
  needOpen(where, core)
  needFree(where, core)
  const { pass } = core
  try {
    while (advance(core));
  } catch (thrown) {
    pass.error = { thrown }
  }
}

/** A whole pass over the n loaded rows, from call `first` on, 0 unless given. */
export function runPass(core: Core, n: number, trains: boolean, rate?: number, first = 0): Pass {
  begin(core, core.ownPass, n, trains, rate, first)
  while (advance(core));
  return core.ownPass
}

function proceed(core: Core, pass: Pass): boolean {
  const { run, settings } = core
  const optimizer = pass.trains ? settings.optimizer : undefined
  if (optimizer?.minimize && core.vector.count) {
    // It runs as many passes as it likes; the one that begin counted is the first.
    core.counters.passes--
    const loss = minimizeOn(core, optimizer, pass.rate)
    // Of several outputs, each has its loss from the first of these passes.
    if (core.heads.length === 1) {
      record(core, pass, 0, weightOf(core, core.heads[0], run.losses[0], core.rows), loss)
      pass.decay = 0
      pass.loss = loss
    }
    pass.trouble = core.objective!.trouble
    const fine = Number.isFinite(loss) && !pass.trouble
    if (fine) carryOn(core)
    end(core, pass, fine)
    return false
  }
  const calls = pass.trains ? run.training : run.evaluation
  if (pass.at === calls.length) {
    if (optimizer) pass.trouble = applyGradients(core, optimizer, pass.rate)
    if (!pass.trouble) carryOn(core)
    end(core, pass, !pass.trouble)
    return false
  }
  const next = calls[pass.at++]
  const first = run.losses[0]
  if (next !== first?.loss && next !== first?.alone) {
    runCall(run, next)
    return true
  }
  runLosses(core, pass.trains, pass)
  if (!pass.trains || Number.isFinite(pass.loss)) return true
  end(core, pass, false)
  return false
}

/** Ends a pass; one that trains and is not `fine`, its loss or its gradients not finite, has not been. */
function end(core: Core, pass: Pass, fine: boolean): void {
  pass.rows = 0
  pass.diverged = !fine
  if (!fine) undo(core)
}

// ---- undoing ----

function undo(core: Core): void {
  if (core.closed) return
  const { undo } = core
  if (undo.all) return restoreState(core, undo.all)
  core.counters.passes--
  undo.liveBuffers.set(undo.buffers)
}

/** Runs passes; should one throw, the model is as it was before them. */
export function whole<T>(core: Core, passes: () => T): T {
  return core.run.mayThrow ? orBack(core, keepGradients(core, core.undo), passes) : passes()
}

function orBack<T>(core: Core, back: () => void, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!core.closed) back()
    throw error
  }
}

/** The kernels that steps call for some settings; those for the others are in all modules. */
export function kernelsOfStep({ l1, clipValue, clipNorm, maxNorm }: Settings): readonly string[] {
  const unlimited = Math.min(clipValue, clipNorm, maxNorm) === Infinity
  return l1 || !unlimited ? ['addSigns', 'clamp', 'limitRowNorms', 'sumOfMagnitudes'] : []
}

// ---- parts of a pass ----

/** Makes the calls ready for n examples. */
export function beginForward(core: Core, n: number, training: boolean): void {
  // Before anything changes.
  core.engine.check()
  core.rows = n
  beginPass(core.run, n, training, core.regularises, core.counters.passes)
}

/** Runs the n loaded rows forward, from call `from` on, 0 unless given. */
export function runForward(core: Core, n: number, training: boolean, from = 0): void {
  core.engine.check()
  if (training) core.counters.passes++
  beginForward(core, n, training)
  const { run } = core
  runAll(run, run.forward, from)
}

/** Back-propagates the gradient of the output; with `toInput` as far as the input. Adds to the gradients of parameters. */
export function runBackward(core: Core, toInput: boolean): void {
  const { run } = core
  wantInput(run, toInput)
  try {
    runAll(run, run.backward)
  } finally {
    wantInput(run, false)
  }
}

/**
 * The training loss of the loaded batch, put down in `pass` if given; with `gradient`, adds its gradient, but for l2 and
 * l1, to the gradients. From call `from` on, 0 unless given.
 */
export function lossOfLoaded(core: Core, n: number, gradient: boolean, toInput = false, pass?: Pass, from = 0): number {
  runForward(core, n, true, from)
  const { run } = core
  wantInput(run, toInput)
  try {
    const value = runLosses(core, gradient, pass)
    if (gradient) runAll(run, run.backward)
    return value
  } finally {
    wantInput(run, false)
  }
}

// ---- the step of the optimizer ----

/** Takes a step, unless the gradients are at fault: then they are zero, and what was wrong with them is returned. */
export function applyGradients(core: Core, optimizer: Optimizer, rate: number): string | undefined {
  const { clipValue, maxNorm } = core.settings
  const { kernels, count, dx } = core.vector
  addDecay(core)
  if (clipValue !== Infinity) kernels.clamp(count, clipValue, dx)
  const trouble = clipAndCheck(core, optimizer)
  if (trouble) {
    core.allGradients.fill(0)
    return trouble
  }
  if (count) update(optimizer, core.vector, core.parts, rate, core.counters.steps + 1)
  for (let i = 0; i < core.limited.length && core.regularises; i++) {
    const { rows, size, pointer } = core.limited[i]
    kernels.limitRowNorms(rows, size, maxNorm, pointer)
  }
  endStep(core, rate)
  return undefined
}

/** Applies clipNorm. What is wrong with the gradients, in words, or undefined. */
function clipAndCheck(core: Core, optimizer: Optimizer): string | undefined {
  const { settings, vector } = core
  const { clipNorm } = settings
  const { kernels, count, dx } = vector
  const norm = kernels.norm(count, dx)
  // The norm of finite numbers may be infinite all the same.
  const trouble = norm < Infinity ? undefined : badGradient(core)
  if (trouble) return trouble
  if (norm > clipNorm) kernels.limitRowNorms(1, count, clipNorm, dx)
  return largeGradient(core, optimizer, Math.min(norm, clipNorm))
}

/** What an optimizer that looks at the loss from several places minimises; made once for a model. */
function createObjective(core: Core): Objective {
  const ofLoaded = (): number => {
    const first = !objective.evaluations && core.heads.length > 1
    return lossOfLoaded(core, core.rows, true, false, first ? core.pass : undefined, core.pass.first)
  }
  const objective: Objective = {
    loss: ofLoaded,
    ofLoaded,
    passes: 0,
    evaluations: 0,
    trouble: undefined,
    /** All evaluations of one step are one pass, with the same masks of dropout. */
    evaluate: (): number => {
      core.allGradients.fill(0)
      core.counters.passes = objective.passes
      const value = objective.loss()
      addDecay(core)
      // Elsewhere it looks for another place by itself.
      if (!objective.evaluations++ && Number.isFinite(value)) objective.trouble = badGradient(core)
      return value
    },
  }
  return objective
}

/** A step of such an optimizer on `loss`, that of the loaded rows unless given; none if it is not finite to begin with. */
function minimizeOn(core: Core, optimizer: Optimizer, rate: number, loss?: () => number): number {
  const objective = (core.objective ??= createObjective(core))
  const { loss: outer, passes, evaluations } = objective
  objective.loss = loss ?? objective.ofLoaded
  objective.evaluations = 0
  objective.trouble = undefined
  objective.passes = core.counters.passes
  try {
    const value = optimizer.minimize!(core.vector, rate, objective.evaluate)
    if (typeof value !== 'number') {
      throw new PlanError(`${optimizer.kind}: minimize must return the first loss, a number, got ${show(value)}`)
    }
    if (Number.isFinite(value) && !objective.trouble) endStep(core, rate)
    return value
  } finally {
    // A study may take steps while this one waits for the loss of the user's.
    objective.loss = outer
    objective.passes = passes
    objective.evaluations = evaluations
  }
}

/**
 * One step on a loss of the user's: `evaluate` adds its gradient, but for l2 and l1, to the gradients and returns the
 * loss. Returns that, with l2 and l1; where it is not finite, or something throws, nothing has changed.
 */
function stepOn(core: Core, optimizer: Optimizer, evaluate: () => number): number {
  const rate = rateOf(core)
  const back = optimizer.minimize ? keepAll(core) : keepGradients(core, core.undo.step)
  const measured = (): number => {
    let value: number
    try {
      value = evaluate()
    } finally {
      needOpen('step', core)
    }
    if (typeof value === 'number') return value + decayLoss(core)
    throw new DataError(`step: the function must return the loss, a number, got ${show(value)}`)
  }
  core.stepping = true
  try {
    return orBack(core, back, () => {
      const minimizes = optimizer.minimize && core.vector.count
      const value = minimizes ? minimizeOn(core, optimizer, rate, measured) : measured()
      const finite = Number.isFinite(value)
      const trouble = minimizes ? core.objective!.trouble : finite ? applyGradients(core, optimizer, rate) : undefined
      if (!finite || trouble) back()
      if (trouble) note(`step: ${trouble}; no step was taken`)
      return value
    })
  } finally {
    core.stepping = false
  }
}

/** The way back from a step of which anything may have been done. */
function keepAll(core: Core): () => void {
  const { step } = core.undo
  const state = (step.all = takeState(core, step.all))
  return () => restoreState(core, state)
}

/** The way back from forward and backward passes, by copies in `kept`. */
function keepGradients(core: Core, kept: Core['undo']['step']): () => void {
  const { counters, allGradients } = core
  const { liveBuffers } = core.undo
  const { passes } = counters
  const gradients = (kept.gradients ??= allGradients.slice())
  const buffers = (kept.buffers ??= liveBuffers.slice())
  gradients.set(allGradients)
  buffers.set(liveBuffers)
  return () => {
    counters.passes = passes
    allGradients.set(gradients)
    liveBuffers.set(buffers)
  }
}

/** See Model.step. */
export function takeStep(core: Core, optimizer: Optimizer, evaluate: (() => number) | undefined): number | void {
  if (evaluate !== undefined) {
    callable('step', '', evaluate, 'nothing, or a function that fills gradients and returns the loss')
  }
  if (!evaluate && !optimizer.update) {
    throw new PlanError(
      `step: ${optimizer.kind} looks at the loss from several places; hand in a function that fills gradients and ` +
        'returns the loss, or call trainStep(x, y) or fit',
    )
  }
  needNoStep('step', core)
  settle('step', core)
  if (evaluate) return stepOn(core, optimizer, evaluate)
  const trouble = applyGradients(core, optimizer, rateOf(core))
  if (trouble) throw new DataError(`step: ${trouble}; the gradients are zero now, and no step was taken`)
}

function endStep(core: Core, rate: number): void {
  core.counters.steps++
  core.clock.step++
  core.lastRate = rate
  core.allGradients.fill(0)
}
