// Networks of any shape: values that are read several times, layers that join them, weights that are used twice, several
// inputs and outputs. What is here describes them, as plain data; wiring.ts plans them.

import { PlanError, callable, checkArguments, checkNoPromise, few, isPlain, quote, readSafely, show } from '../errors'
import { checkLayer } from '../plan/checks'
import type { Layer, Network, Wiring } from '../plan/layer'
import { type NamedLayer, checkName } from './children'
import { planWired } from './wiring'

/** A value of a graph while it is described: an input, or what a use gives. It has no shape yet. */
export interface Handle {
  /** How the graph calls it: the name of the input or of the use, with `#2` behind it for the second use of a name. */
  readonly id: string
}

/**
 * Uses a layer on values of the graph, several if it joins them, and gives its output. Its parameters are named
 * `name.…`. The same layer with the same name, once more, shares its weights.
 */
export type Use = (name: string, layer: Layer | Network<string>, ...of: readonly Handle[]) => Handle

/** The names of inputs; none where there is but one. */
export type InputNames<In extends readonly string[]> = In extends readonly [string] ? never : In[number]
/** The names of outputs; none where the function gives a handle. */
export type OutputNames<Out> = Out extends Handle ? never : keyof Out & string
/** What graph makes: a layer like any other where nothing needs a name. */
export type GraphOf<In extends string, Out extends string> = [In | Out] extends [never] ? Layer : Network<In, Out>

/**
 * A network as a graph: with several inputs or outputs, values that several layers read, and weights that are used more
 * than once. `build` runs once, on a handle for each of the `inputs`; it gives the handle of the output, or an object of
 * them by name.
 *
 *     const network = graph(['image', 'weather'], ({ image, weather }, use) => {
 *       const seen = use('eye', sequential(conv2d(8, { kernel: 3 }), relu(), flatten()), image)
 *       const both = use('both', concat(), seen, use('air', dense(16), weather))
 *       return { digit: use('digit', dense(10), both), price: use('price', dense(1), both) }
 *     })
 *     const model = await createModel(network, {
 *       input: { image: [1, 28, 28], weather: [5] },
 *       loss: { digit: softmaxCrossEntropy(), price: meanSquaredError({ weight: 0.1 }) },
 *       optimizer: adam({ learningRate: 1e-3 }),
 *     })
 *
 * Where there is one input, or `build` gives one handle, that has no name in what the model takes and gives; with one
 * input and one output the graph is a layer like any other. Two images through the same eye, whose weights are shared:
 *
 *     graph(['a', 'b'], ({ a, b }, use) => {
 *       const eye = sequential(dense(8), relu())
 *       return use('same', dense(2), use('pair', concat(), use('eye', eye, a), use('eye', eye, b)))
 *     })
 *
 * Throws a PlanError where two layers have one name, an input or a value is read by nobody, or a handle is of another
 * graph.
 */
export function graph<const In extends readonly string[], Out extends Handle | Readonly<Record<string, Handle>>>(
  inputs: In,
  build: (inputs: Readonly<Record<In[number], Handle>>, use: Use) => Out,
): GraphOf<InputNames<In>, OutputNames<Out>> {
  checkArguments('graph', arguments, 2)
  const draft = createDraft(readSafely('graph', 'the inputs', () => checkInputNames(inputs)))
  callable('graph', '', build, 'a function ({ ...inputs }, use) that gives the output')
  const ids = new Map<unknown, string>()
  const handle = (id: string): Handle => {
    const made = Object.freeze({ id })
    ids.set(made, id)
    return made
  }
  const idOf = (where: string, value: unknown): string => {
    const id = ids.get(value)
    if (id !== undefined) return id
    const isForeign = Object.isFrozen(value) && typeof (value as Partial<Handle> | null)?.id === 'string'
    const got = isForeign ? `the handle ${quote((value as Handle).id)} of another graph` : show(value)
    throw new PlanError(`${where} must be a handle of this graph, an input or what use gave, got ${got}`)
  }
  let isOpen = true
  const use: Use = (name, layer, ...of) => {
    if (!isOpen) throw new PlanError('graph: use is for the function of graph, while that runs; this graph is made')
    checkName('graph', name)
    const where = `graph: use ${quote(name)}`
    checkLayer(where, '', layer)
    const read = of.map((one, i) => idOf(`${where}: what it reads, at ${i},`, one))
    return handle(draft.use(name, layer, read))
  }
  const handles = Object.fromEntries(draft.inputs.map((name) => [name, handle(name)]))
  const given: unknown = build(handles as Parameters<typeof build>[0], use)
  isOpen = false
  checkNoPromise('graph', 'what its function gives', given, 'nothing there')
  const outputs = ids.has(given)
    ? ids.get(given)!
    : isPlain(given)
      ? Object.fromEntries(
          Object.entries(given).map(([name, one]) => [name, idOf(`graph: the output ${quote(name)}`, one)]),
        )
      : idOf('graph: what its function gives, the output or an object of outputs by name,', given)
  return draft.finish(outputs) as GraphOf<InputNames<In>, OutputNames<Out>>
}

/** Of a graph that is read: as many as a file may have layers. */
const MOST_USES = 10_000

/** The graph of a config as JSON has it; `build` makes the layers within. Throws a PlanError where it is none. */
export function graphOf(config: unknown, build: (description: unknown) => Layer): Layer | Network<string, string> {
  const { inputs, uses, outputs } = Object(config) as Record<string, unknown>
  const draft = createDraft(checkInputNames(inputs))
  const wants = (what: string, is: boolean, wanted: string, got: unknown) => {
    if (!is) throw new PlanError(`graph: ${what} must be ${wanted}, got ${show(got)}`)
  }
  wants('uses', Array.isArray(uses), 'a list of { name, of, kind, config }', uses)
  wants(
    'the number of uses',
    (uses as unknown[]).length <= MOST_USES,
    `at most ${MOST_USES}`,
    (uses as unknown[]).length,
  )
  const later = (uses as { name?: unknown }[]).map((one) => one?.name)
  const layers = new Map<string, Layer>()
  for (const one of uses as unknown[]) {
    wants('a use', isPlain(one), '{ name, of, kind, config }', one)
    const { name, of, kind } = one as { name: string; of: string[]; kind?: unknown }
    checkName('graph', name)
    later.shift()
    wants(`what use ${quote(name)} reads`, Array.isArray(of), 'a list of ids', of)
    for (const id of of) {
      if (draft.has(id)) continue
      const cure =
        id === name || later.includes(id)
          ? 'which comes behind it: a graph has no cycles, and a use stands behind all that it reads'
          : 'which nothing in this graph gives'
      throw new PlanError(`graph: use ${quote(name)} reads ${typeof id === 'string' ? quote(id) : show(id)}, ${cure}`)
    }
    const layer = kind === undefined ? layers.get(name) : build(one)
    if (!layer) throw new PlanError(`graph: use ${quote(name)} has no layer, and no use before it has that name`)
    layers.set(name, layer)
    draft.use(name, layer, of)
  }
  wants('outputs', typeof outputs === 'string' || isPlain(outputs), 'an id, or ids by name', outputs)
  const found = typeof outputs === 'string' ? { '': outputs } : (outputs as Record<string, unknown>)
  for (const [name, id] of Object.entries(found)) {
    if (draft.has(id)) continue
    const which = typeof outputs === 'string' ? 'the output' : `the output ${quote(name)}`
    throw new PlanError(`graph: nobody computes ${which}: nothing in this graph gives ${show(id)}`)
  }
  return draft.finish(outputs as string | Record<string, string>)
}

/** A graph that is being put together. */
function createDraft(inputs: readonly string[]) {
  const children: NamedLayer[] = []
  const uses: Wiring['uses'][number][] = []
  const ids = new Set<unknown>(inputs)
  const named = new Map<string, { child: number; times: number }>()
  const descriptions: object[] = []
  return {
    inputs,
    has: (id: unknown) => ids.has(id),
    /** The id of what it gives. */
    use(name: string, layer: Layer | Network<string>, of: readonly string[]): string {
      const before = named.get(name)
      const known = name === '' ? -1 : (before?.child ?? -1)
      if (known >= 0 && children[known][1] !== layer) {
        throw new PlanError(
          `graph: ${quote(name)} is the name of two layers; give one of them another, or use the same layer twice to ` +
            'share its weights',
        )
      }
      const time = (before?.times ?? 0) + 1
      const id = time === 1 ? name : `${name}#${time}`
      if (ids.has(id)) {
        throw new PlanError(`graph: ${quote(id)} is the name of ${inputs.includes(id) ? 'an input' : 'a use'} already`)
      }
      ids.add(id)
      const { kind, config } = layer
      descriptions.push(known < 0 ? { name, of, kind, config } : { name, of })
      const child = known < 0 ? children.push([name, layer as Layer]) - 1 : known
      named.set(name, { child, times: time })
      uses.push({ id, child, of })
      return id
    },
    finish(outputs: string | Readonly<Record<string, string>>): Layer | Network<string, string> {
      const isNamed = typeof outputs !== 'string'
      const names = isNamed ? Object.keys(outputs) : []
      if (isNamed && !names.length) throw new PlanError('graph: it has no output; give a handle, or several by name')
      for (const name of names) checkKey('an output', name)
      const given = isNamed ? Object.values(outputs) : [outputs]
      const read = new Set([...uses.flatMap(({ of }) => of), ...given])
      for (const id of inputs) {
        if (!read.has(id)) throw new PlanError(`graph: nobody reads the input ${quote(id)}; use it, or leave it out`)
      }
      const dead = uses.find(({ id }) => !read.has(id))
      if (dead) {
        throw new PlanError(
          `graph: nobody reads what use ${quote(dead.id)} gives; read it, make it an output, or leave it out`,
        )
      }
      const wiring = { inputs, uses, outputs: given }
      const described = {
        kind: 'graph',
        config: { inputs, uses: descriptions, outputs },
        children,
        wiring,
        inputs: [inputs.length, inputs.length] as const,
      }
      if (inputs.length === 1 && !isNamed) {
        return { ...described, plan: (x, plan) => planWired(children, wiring, [x], plan)[0] }
      }
      return {
        ...described,
        names: { inputs: inputs.length > 1 ? inputs : [], outputs: names },
        plan: (x, plan, ...others) => planWired(children, wiring, [x, ...others], plan),
      }
    },
  }
}

function checkInputNames(inputs: unknown): readonly string[] {
  const names: readonly string[] = Array.isArray(inputs) ? Array.from(inputs as string[]) : []
  if (!names.length) {
    throw new PlanError(`graph: wants the names of its inputs first, such as ['image', 'weather'], got ${show(inputs)}`)
  }
  for (const name of names) checkKey('an input', name)
  if (new Set(names).size === names.length) return names
  throw new PlanError(`graph: each input has a name of its own, got ${few(names)}`)
}

/** Throws a PlanError unless the name of an input or output can be a key of data. */
function checkKey(what: string, name: string): void {
  checkName('graph', name)
  if (name === '') throw new PlanError(`graph: the name of ${what} must not be ''`)
}
