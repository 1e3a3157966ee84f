// A model as plain data: what a model file says of itself, in the metadata of its tensors.

import { FileError, PlanError, isPlain, note, quote, readSafely, show } from '../errors'
import type { Metadata } from '../io/safetensors'
import { type RateDescription, type Schedule, describeRate } from '../schedules'
import type { Core } from '../training/core'

/** Metadata of a model file, each a text: the architecture and the user's own as JSON, and which numbers it computes. */
export const ARCHITECTURE = 'v128.model'
const OWN = 'v128.metadata'
export const NUMERICS = 'v128.numerics'
/** Another whenever the same model computes other bits. */
export const NUMERICS_NOW = '1'

/** A layer, a loss or an optimizer: the name of the function that makes it, and what that is given. */
export interface Described {
  readonly kind: string
  readonly config: object
}

/** What a model is made of, but for options. */
export interface Parts {
  readonly network: Described | undefined
  /** By name, where the outputs of the network have names. */
  readonly loss: Described | Readonly<Record<string, Described>> | undefined
  readonly optimizer: (Described & { readonly learningRate: RateDescription }) | undefined
}

/** What a model is made of. */
export interface Architecture extends Parts {
  /** Of createModel. */
  readonly options: Readonly<Record<string, unknown>>
}

/** The metadata of a file of this model. */
export function architectureOf(where: string, core: Core, metadata: unknown = core.metadata): Metadata {
  const { origin, settings } = core
  const { loss, optimizer } = settings
  const architecture: Architecture = {
    ...partsOf({ network: origin.network, loss, optimizer }),
    options: origin.options,
  }
  const { json, lost } = toJson(architecture)
  const own = ownMetadata(where, metadata)
  if (lost)
    note(
      `${where}: the file holds the weights, but not the network, whose config holds ${lost}; loadModel cannot read it`,
    )
  return {
    [NUMERICS]: NUMERICS_NOW,
    // The weights are written all the same.
    [ARCHITECTURE]: json ?? JSON.stringify({ lost }),
    ...(own !== '{}' && { [OWN]: own }),
  }
}

/** The same as plain data, as far as it can be that. */
export function partsOf({
  network,
  loss,
  optimizer,
}: {
  network?: Described | undefined
  loss: Parts['loss']
  optimizer: (Described & { readonly learningRate: number | Schedule }) | undefined
}): Parts {
  return {
    network: network && describe(network),
    loss: loss && describeLoss(loss),
    optimizer: optimizer && { ...describe(optimizer), learningRate: describeRate(optimizer.learningRate ?? 0) },
  }
}

function describeLoss(loss: NonNullable<Parts['loss']>): Parts['loss'] {
  if (isOne(loss)) return describe(loss)
  return Object.fromEntries(Object.entries(loss).map(([name, one]) => [name, describe(one)]))
}

/** Whether it is of one loss, and not of several by name. */
export function isOne(loss: object): loss is Described {
  return typeof (loss as Partial<Described>).kind === 'string'
}

function describe({ kind, config }: Described): Described {
  return { kind, config }
}

/** The user's metadata as JSON. */
export function ownMetadata(where: string, metadata: unknown): string {
  return readSafely(where, 'metadata', () => {
    const { json, lost } = toJson(metadata)
    if (isPlain(metadata) && json) return json
    throw new PlanError(`${where}: metadata must be an object that JSON can hold, got ${lost ?? show(metadata)}`)
  })
}

/** The user's metadata in a file. Throws a FileError where it is no object. */
export function ownIn(where: string, { [OWN]: text = '{}' }: Metadata): Core['metadata'] {
  let own: unknown
  try {
    own = JSON.parse(text)
  } catch (cause) {
    throw new FileError(`${where}: the metadata of the file is not JSON`, { cause })
  }
  if (isPlain(own)) return own as Core['metadata']
  throw new FileError(`${where}: the metadata of the file must be an object, got ${show(own)}`)
}

/** Whether JSON keeps it as it is: of a Map it would keep nothing, of a typed array an object. */
function isKept(one: unknown): boolean {
  if (typeof one === 'number') return Number.isFinite(one)
  if (typeof one === 'object') return one === null || Array.isArray(one) || isPlain(one)
  return typeof one === 'string' || typeof one === 'boolean'
}

/** As JSON; or, where that would lose something, what it is. */
export function toJson(value: unknown): { json?: string; lost?: string } {
  let lost: string | undefined
  function check(this: unknown, name: string, one: unknown): unknown {
    if (isKept(one) || (one === undefined && !Array.isArray(this))) return one
    lost ??= `${show(one)} as ${quote(name)}`
    return undefined
  }
  try {
    const json = JSON.stringify(value, check)
    return lost === undefined ? { json } : { lost }
  } catch (error) {
    return { lost: `what JSON cannot hold (${error instanceof Error ? error.message : String(error)})` }
  }
}
