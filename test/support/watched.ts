// The tests' own mode of running a network: nothing that a call forgets to say stays silent. Before each call all that
// is dead at that time, and the scratch, is filled with NaN; after it nothing but what the call said may have changed;
// and the other engine must have made the same bytes of the same memory.
import { createEngine } from '../../src/engine/create'
import { type AnyModel, coreOf } from '../../src/model/core-of'
import { type Call, nameOf, titleOf } from '../../src/plan/calls'
import type { Prepared } from '../../src/plan/run'
import { Block, Parameter, type Place, type Reference, Value, placeOf } from '../../src/plan/value'
import { type Core, viewOf } from '../../src/training/core'

/** Nothing lies below it: it is where a null pointer leads. */
const NULL_ZONE = 64
/** Of the bytes of f32 and f64 alike, NaN. */
const NAN_BYTE = 0xff

/** From here to there, in bytes. */
type Range = readonly [begin: number, end: number]

/** What a place is, for errors. */
interface Named {
  readonly range: Range
  readonly name: string
}

/** The blocks of the activations, and who made what of them. */
function blocksOf({ program, inputs, heads }: Core): Map<Block, string> {
  const names = new Map<Block, string>()
  const add = (reference: Reference, name: (block: Block) => string): void => {
    const place = reference && placeOf(reference)
    if (place instanceof Block && Number.isFinite(place.root.pointer) && !names.has(place))
      names.set(place, name(place))
  }
  const addAll = (call: Call): void => {
    const of = (block: Block) => `${block.gradientOf ? 'a gradient' : 'a value'} of ${titleOf(call.layer)}`
    for (const write of call.writes) if (program.wanted(write) !== 'never') add(write, of)
    for (const read of call.reads) add(read, of)
  }
  for (const { value } of inputs) add(value, () => 'the input of the network')
  for (const { value } of heads) {
    if (value.gradient && program.wanted(value.gradient) !== 'never') {
      add(value.gradient, () => 'the gradient of the output of the network')
    }
  }
  program.forward.forEach(addAll)
  for (const call of program.losses.flatMap(({ weight, loss }) => [weight, loss])) if (call) addAll(call)
  program.backward.forEach(addAll)
  return names
}

/** The ranges of `whole` that none of `taken` covers. */
function complement([begin, end]: Range, taken: readonly Range[]): Range[] {
  const free: Range[] = []
  let at = begin
  for (const [first, last] of taken.toSorted((a, b) => a[0] - b[0])) {
    if (first > at) free.push([at, Math.min(first, end)])
    at = Math.max(at, last)
  }
  if (at < end) free.push([at, end])
  return free
}

/** Where two memories differ first, or -1. */
function firstDifference(a: Buffer, b: Buffer, begin: number, end: number): number {
  if (a.compare(b, begin, end, begin, end) === 0) return -1
  let at = begin
  while (a[at] === b[at]) at++
  return at
}

/** Of what a call may write, all that it has for the rows in use. */
function rangeOf(core: Core, reference: NonNullable<Reference>): Range {
  const place = placeOf(reference)
  const bytes = core.dtype === 'float64' ? 8 : 4
  const offset = 'within' in reference ? reference.offset * bytes : 0
  const whole = 'within' in reference ? reference.within : reference
  const value = whole instanceof Value ? whole : whole instanceof Block ? whole.gradientOf : undefined
  return [place.pointer + offset, place.pointer + (value ? core.rows * value.size * bytes : place.bytes)]
}

/**
 * Whether the call must have left numbers everywhere there. What a layer saves for itself may be anything, and of a part
 * nobody says where it ends: whoever reads the whole finds what is missing.
 */
function holdsNumbers(reference: NonNullable<Reference>): boolean {
  if ('within' in reference) return false
  return !(reference instanceof Block) || reference.gradientOf !== undefined
}

/**
 * Watches every call of `model` from here on. A call that breaks a contract of memory throws an Error that names the
 * layer, the kernel and what was written. Returns the number of calls watched so far.
 */
export async function watch(model: AnyModel): Promise<() => number> {
  const core = coreOf('test', model)
  const { engine, run, memory, pointers, program } = core
  const { total } = memory
  const bytes = Buffer.from(engine.buffer, 0, total)
  const before = Buffer.alloc(total)
  const other = await createEngine(core.dtype, total, engine.backend === 'wasm' ? 'js' : 'wasm')
  const twin = Buffer.from(other.buffer, 0, total)
  const names = blocksOf(core)
  const activations: Range = [pointers.scratch - memory.activations, pointers.scratch]
  const middle = program.forward.length
  const rangeOfPlace = ({ pointer, bytes: size }: Place): Range => [pointer, pointer + size]
  let watched = 0

  /** What is dead while the call at `time` runs, and what only it begins. */
  const deadAt = (time: number): Range[] => {
    const living = [...names.keys()].filter(({ root }) => {
      // The gradient of the output may come from whoever calls backward; the weight of the examples, from the call before.
      const begun = time === middle ? root.first <= time : root.first < time
      return begun && time <= root.last
    })
    return complement(
      activations,
      living.map(({ root }) => rangeOfPlace(root)),
    )
  }

  const nameAt = (at: number, { scratch = 0 }: Call, time: number): string => {
    if (at < NULL_ZONE) return `byte ${at}, where a null pointer leads: a gradient that is not there, or no bias`
    if (at >= pointers.scratch) {
      const wanted = `byte ${at - pointers.scratch} of the scratch, of which it asked for ${scratch}`
      return at >= total - NULL_ZONE ? `${wanted}, among the guards` : wanted
    }
    const variables = [...core.parameters, ...core.buffers].flatMap((variable): Named[] => {
      const named: Named = { range: rangeOfPlace(variable), name: `'${variable.name}'` }
      const gradient = variable instanceof Parameter ? variable.gradient : undefined
      return gradient ? [named, { range: rangeOfPlace(gradient), name: `the gradient of ${named.name}` }] : [named]
    })
    const blocks = [...names]
      .filter(([{ root }]) => root.first <= time && time <= root.last)
      .map(([block, name]): Named => ({ range: rangeOfPlace(block), name }))
    const found = [...variables, ...blocks].find(({ range }) => range[0] <= at && at < range[1])
    return found?.name ?? `byte ${at}, where nothing lies at that time`
  }

  const checkUnchanged = (memory: Buffer, ranges: readonly Range[], message: string, call: Call, time: number) => {
    for (const [begin, end] of ranges) {
      const at = firstDifference(memory, before, begin, end)
      if (at >= 0) throw new Error(`${message}: ${nameAt(at, call, time)}`)
    }
  }

  const watchCall = (prepared: Prepared, time: number): void => {
    const { call, args, run: original } = prepared
    const dead = deadAt(time)
    const where = `${titleOf(call.layer)}: ${nameOf(call)}`
    const firstWrite = args.length - call.writes.length
    const scratch: Range = [pointers.scratch, pointers.scratch + (call.scratch ?? 0)]

    const watchedRun = (...numbers: unknown[]): unknown => {
      watched++
      for (const [begin, end] of dead) bytes.fill(NAN_BYTE, begin, end)
      bytes.fill(NAN_BYTE, pointers.scratch, total)
      bytes.copy(before)
      bytes.copy(twin)

      const result = Reflect.apply(original, undefined, numbers)

      // What nobody wants is the null pointer, or for a routine undefined.
      const written = call.writes.filter((write, i) => write !== undefined && numbers[firstWrite + i])
      const said = [...written, ...(call.updates ?? [])].filter((reference) => reference !== undefined)
      const ranges = said.map((reference) => rangeOf(core, reference))
      const foreign = complement([0, total], [...ranges, scratch])
      checkUnchanged(bytes, foreign, `${where} wrote what it did not say it writes`, call, time)
      said.forEach((reference, i) => {
        if (!holdsNumbers(reference)) return
        const size = core.dtype === 'float64' ? 8 : 4
        const [begin, end] = ranges[i]
        const data = viewOf(core.dtype, engine.buffer, begin, (end - begin) / size)
        const found = data.findIndex(Number.isNaN)
        if (found < 0) return
        throw new Error(
          `${where} left NaN, at ${found}, in ${nameAt(begin, call, time)}: it did not write there, or it read what ` +
            `nobody had written, what it did not say it reads, or what its scratch held before`,
        )
      })
      if (typeof call.kernel === 'string') {
        const expected: unknown = Reflect.apply(other.kernels[call.kernel] as typeof original, undefined, numbers)
        // The scratch is each engine's own, but for what lies behind it.
        checkUnchanged(twin, foreign, `${where} wrote, on ${other.backend}, what it did not say it writes`, call, time)
        const differs = firstDifference(bytes, twin, 0, pointers.scratch)
        if (differs >= 0 || !Object.is(result, expected)) {
          const what =
            differs >= 0 ? nameAt(differs, call, time) : `it returns ${String(result)}, not ${String(expected)}`
          throw new Error(`${where} gives other bits on ${other.backend}: ${what}`)
        }
      }
      return result
    }
    ;(prepared as { run: Prepared['run'] }).run = watchedRun
  }

  run.forward.forEach(watchCall)
  for (const { weight, loss, alone } of run.losses) {
    for (const prepared of [weight, loss, alone]) if (prepared) watchCall(prepared, middle)
  }
  run.backward.forEach((prepared, i) => watchCall(prepared, middle + 1 + i))
  return () => watched
}
