// What can be told from the description of a network alone, before anything is planned: that it cannot learn.

import { PlanError, endOf, readSafely } from '../errors'
import type { Layer, Loss, Network } from '../plan/layer'

/**
 * Throws a PlanError where one layer object stands in two places of a network, which would silently be two layers, and
 * where the network ends in a layer after which the loss cannot do its work. It looks into layers that say their
 * `children`, and says nothing of what it does not know.
 */
export function checkNetwork(where: string, network: Layer | Network<string, string>, losses: readonly Loss[]): void {
  readSafely(where, 'the network', () => {
    if (typeof network?.plan !== 'function') return
    const root = { layer: network as Layer, path: network.kind }
    checkPlaces(where, root)
    losses.forEach((loss, output) => checkEnd(where, root, output, loss))
  })
}

/** A layer, where it is, and where all that it reads comes from; nowhere at an input of the network. */
interface Spot {
  readonly layer: Layer
  /** As errors of a plan name it: sequential.features.3. */
  readonly path: string
  readonly before?: readonly (Spot | undefined)[]
}

function childrenOf({ layer, path }: Spot): Spot[] {
  const children = Array.isArray(layer.children) ? layer.children : []
  return children
    .filter(([, child]) => typeof child?.plan === 'function')
    .map(([name, child]) => ({ layer: child, path: name ? `${path}.${name}` : path }))
}

function checkPlaces(where: string, network: Spot): void {
  const places = new Map<Layer, string>()
  // A list of what is to be looked at, next last: a network may be nested more deeply than calls can be.
  const waiting: Spot[] = [network]
  for (let spot = waiting.pop(); spot; spot = waiting.pop()) {
    const first = places.get(spot.layer)
    if (first !== undefined) {
      const { kind } = spot.layer
      throw new PlanError(
        `${where}: one ${kind} layer is in two places, ${endOf(first)} and ${endOf(spot.path)}, which cannot share ` +
          `weights; make another with the same options for one of them, or, to share its weights, use it twice in a graph ` +
          'under one name: use(name, layer, a), use(name, layer, b)',
      )
    }
    places.set(spot.layer, spot.path)
    waiting.push(...childrenOf(spot).toReversed())
  }
}

function checkEnd(where: string, network: Spot, output: number, loss: Loss): void {
  const ends = lastLayers(network, output)
  const [fault, ...others] = ends.map((end) => faultOf(end, loss))
  // Of several side by side, some may hold back and others not: only if all do is it certain.
  if (!fault || !others.every(Boolean)) return
  const names = ends.map(({ layer, path }) => (path === layer.kind ? path : `${endOf(path)} ${layer.kind}`))
  const all = names.slice(0, 3).join(', ') + (names.length > 3 ? ` and ${names.length - 3} more` : '')
  throw new PlanError(`${where}: ${names[0]} comes before ${loss.kind}, which ${fault}; remove ${all}`)
}

/** A layer whose values reach the loss, and which of the layers behind it shift, scale or average them. */
interface End extends Spot {
  readonly by: readonly Layer[]
}

/** More than a network of 30,000 layers takes. */
const MOST_STEPS = 100_000

/** Layers behind which values are of the same kind: none is larger, none smaller. */
const PASSING =
  /^(flatten|dropout|padChannels|zeroPad2d|maxPool[12]d|globalMaxPool2d|upsample2d|reshape|permute|take|repeat|add|concat)$/

/**
 * The layers whose values, as they are, reach the loss of an output: behind layers that pass on what they get, and at
 * the end of each branch of those that stand side by side or are added up.
 */
function lastLayers(network: Spot, output: number): End[] {
  const found: End[] = []
  interface Next {
    readonly spot: Spot | undefined
    readonly by: readonly Layer[]
  }
  const waiting: Next[] = [{ spot: network, by: [] }]
  const seen = new Map<unknown, Set<readonly Layer[]>>()
  const add = (spots: Spot['before'] = [undefined], by: readonly Layer[]) => {
    for (const spot of spots) {
      // A value with several readers is looked at once.
      const known = seen.get(spot) ?? new Set()
      if (!known.has(by)) waiting.push({ spot, by })
      seen.set(spot, known.add(by))
    }
  }
  let steps = 0
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { spot, by } = next
    // The input itself: nobody knows what is in it. Nor does anybody where there are very many ways.
    if (!spot || ++steps > MOST_STEPS) return []
    const { layer, before } = spot
    const children = childrenOf(spot)
    if (layer.wiring) add([wired(spot, children, spot === network ? output : 0)], by)
    else if (/^(normalize|mean)$|vgPool[12]d$/.test(layer.kind)) add(before, [layer, ...by])
    else if (PASSING.test(layer.kind)) add(before, by)
    else if (layer.kind === 'sequential' || layer.kind === 'freeze') {
      add(
        children.reduce<Spot['before']>((last, child) => [{ ...child, before: last }], before),
        by,
      )
    } else found.push({ ...spot, by })
  }
  return found.toReversed()
}

/** What gives an output of a graph; each use with what it reads. */
function wired({ layer, before = [] }: Spot, children: readonly Spot[], output: number): Spot | undefined {
  const { inputs, uses, outputs } = layer.wiring!
  const spots = new Map<string, Spot | undefined>(inputs.map((id, i) => [id, before[i]]))
  for (const { id, child, of } of uses) {
    spots.set(id, { ...children[child], before: of.map((one) => spots.get(one)) })
  }
  return spots.get(outputs[output])
}

/** The config of normalize. */
interface Scaling {
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** What of the scores each loss takes itself, if anything. */
const OWN: Readonly<Record<string, string>> = {
  softmaxCrossEntropy: 'softmax',
  binaryCrossEntropy: 'sigmoid',
  hinge: '',
}

/** What is wrong with a layer right before `loss`, if it is certain. */
function faultOf({ layer: { kind, config }, by }: End, loss: Loss): string | undefined {
  if (!Object.hasOwn(OWN, loss.kind)) return undefined
  const own = OWN[loss.kind]
  const anySize = 'wants scores of any size'
  const { alpha } = config as { alpha?: number }
  const normalized = by.flatMap((layer) => (layer.kind === 'normalize' ? [layer.config as Scaling] : []))
  if (kind === 'relu' || ((kind === 'leakyRelu' || kind === 'elu') && alpha === 0)) {
    // A mean of many is 0 for few examples; a shifted 0 is a score like others.
    if (
      by.some((layer) => /^mean$|vgPool[12]d$/.test(layer.kind)) ||
      normalized.some(({ mean }) => [mean].flat().some((m) => m > 0))
    ) {
      return undefined
    }
    return `${anySize}: none would be below 0, nor have a gradient there`
  }
  if (kind !== 'softmax' && kind !== 'sigmoid' && kind !== 'hardSigmoid') return undefined
  // A margin of less than 1 has room between 0 and 1.
  if (!own && (loss.config as { margin: number }).margin < 1) return undefined
  // Scores that differ by more than 2 bring the loss near 0.
  if (normalized.some(({ std }) => [std].flat().some((one) => one < 0.5))) return undefined
  const then = normalized.length ? ' before normalize' : ''
  const wants = kind === own ? `takes the ${own} itself` : anySize
  const instead = kind === 'softmax' && own === 'sigmoid' ? '; for one class of several take softmaxCrossEntropy' : ''
  const probabilities = own && '; for probabilities take predict(x, { probabilities: true })'
  return `${wants}: all would lie from 0 to 1${then}, and the loss could not come near 0${instead}${probabilities}`
}
