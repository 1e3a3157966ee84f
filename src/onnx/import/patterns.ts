// Operators that files write out in several nodes, where a layer of ours does it at once: found at the last of them.

import { gelu } from '../../layers/gelu'
import { hardSwish } from '../../layers/hard-swish'
import { silu } from '../../layers/silu'
import type { Layer } from '../../plan/layer'
import { product } from '../../tensor'
import { DataType, type NodeProto } from '../schema'
import { isAbout } from './activations'
import type { Known } from './builder'
import { uniformOf } from './constants'
import type { File } from './file'
import type { Op } from './op'
import { normalised } from './products'

/** What several nodes are together: the values that they read, and what makes the layer of them. */
export interface Pattern {
  readonly reads: readonly string[]
  readonly convert: (op: Op) => Known
}

/** What the nodes that end with this one are, if they are one of the patterns. */
export function findPattern(file: File, node: NodeProto, name: string): Pattern | undefined {
  const of = new Finder(file)
  if (node.opType === 'Div') return of.layerNorm(node) ?? of.activation(name)
  if (node.opType === 'Mul') return of.activation(name)
  return undefined
}

/** Whether a node passes numbers on as they are; types other than these round them. */
function isFloatCast(node: NodeProto): boolean {
  const { float, double } = DataType
  const to = node.attribute?.find(({ name }) => name === 'to')?.i
  return node.opType === 'Cast' && (to === float || to === double)
}

/** Factors that a pattern has at most; more are not looked at. */
const MOST_FACTORS = 6

const isOnly = (values: readonly string[], name: string) => values.length === 1 && values[0] === name

class Finder {
  constructor(readonly file: File) {}

  /** The node that gives a value, whatever only passes it on left out, if it is of the operator. */
  giver(name: string, opType: string): NodeProto | undefined {
    const node = this.file.givers.get(this.plain(name))
    return node?.opType === opType && !node.domain ? node : undefined
  }

  /** The name that a value has before nodes that only pass it on. */
  plain(name: string): string {
    let now = name
    for (let i = 0; i < MOST_FACTORS; i++) {
      const node = this.file.givers.get(now)
      if (node?.opType !== 'Identity' && !(node && isFloatCast(node))) break
      now = node.input?.[0] ?? ''
    }
    return now
  }

  number(name: string | undefined): number | undefined {
    const constant = name ? this.file.constant(this.plain(name)) : undefined
    return constant && constant.dims.every((size) => size === 1) ? uniformOf(constant) : undefined
  }

  /** Of an operator on two values, one of which is a number: the other value, and the number. */
  withNumber(node: NodeProto | undefined): { value: string; number: number } | undefined {
    const [a = '', b = ''] = node?.input ?? []
    const [left, right] = [this.number(a), this.number(b)]
    if (right !== undefined) return { value: this.plain(a), number: right }
    return left !== undefined ? { value: this.plain(b), number: left } : undefined
  }

  /** A value as a product: numbers taken together, and the other factors. */
  factors(name: string, own = true): { scale: number; values: string[] } {
    const values: string[] = []
    let scale = 1
    const pending = [name]
    for (let i = 0; pending.length && i < 4 * MOST_FACTORS; i++) {
      const now = this.plain(pending.pop()!)
      const node = this.file.givers.get(now)
      const [a = '', b = ''] = node?.input ?? []
      const number = this.number(now)
      const isOpen = (now === name && own) || this.file.readers(now) === 1
      if (number !== undefined) scale *= number
      else if (node?.opType === 'Mul' && isOpen) pending.push(b, a)
      else if (node?.opType === 'Div' && isOpen && this.number(b) !== undefined) {
        scale /= this.number(b)!
        pending.push(a)
      } else if (node?.opType === 'Pow' && isOpen && [2, 3].includes(this.number(b) ?? 0)) {
        for (let power = this.number(b)!; power > 0; power--) values.push(this.plain(a))
      } else values.push(now)
    }
    return { scale, values: [...values, ...pending] }
  }

  activation(name: string): Pattern | undefined {
    const { scale, values } = this.factors(name)
    if (values.length !== 2) return undefined
    for (const [x, gate] of [values, values.toReversed()]) {
      const make = this.#gate(x, gate, scale)
      if (make) return { reads: [x], convert: (op) => op.same(op.active(0), make) }
    }
    return undefined
  }

  /** The layer that scale x gate is, where the gate is made of x. */
  #gate(x: string, gate: string, scale: number): (() => Layer) | undefined {
    const sigmoid = this.giver(gate, 'Sigmoid')
    if (scale === 1 && sigmoid) {
      const inner = this.factors(sigmoid.input?.[0] ?? '')
      return inner.scale === 1 && isOnly(inner.values, x) ? silu : undefined
    }
    const hard = this.giver(gate, 'HardSigmoid')
    if (scale === 1 && hard && this.plain(hard.input?.[0] ?? '') === x) {
      const attribute = (name: string) => hard.attribute?.find((one) => one.name === name)?.f ?? 0
      return isAbout(attribute('alpha'), 1 / 6) && isAbout(attribute('beta'), 0.5) ? hardSwish : undefined
    }
    const clip = this.giver(gate, 'Clip')
    if (clip && isAbout(scale, 1 / 6)) {
      // Without an attribute and an input there is no limit; an attribute that is written without a number is 0.
      const limit = (name: string, input: number) => {
        const attribute = clip.attribute?.find((one) => one.name === name)
        return attribute ? (attribute.f ?? 0) : this.number(clip.input?.[input])
      }
      const sum = this.withNumber(this.giver(clip.input?.[0] ?? '', 'Add'))
      return sum?.value === x && sum.number === 3 && limit('min', 1) === 0 && limit('max', 2) === 6
        ? hardSwish
        : undefined
    }
    const one = this.withNumber(this.giver(gate, 'Add'))
    if (!isAbout(scale, 0.5) || one?.number !== 1) return undefined
    const erf = this.giver(one.value, 'Erf')?.input?.[0]
    if (erf !== undefined) {
      const { scale: inner, values } = this.factors(erf)
      return isOnly(values, x) && isAbout(inner, Math.SQRT1_2) ? () => gelu() : undefined
    }
    const tanh = this.giver(one.value, 'Tanh')?.input?.[0]
    return tanh !== undefined && this.#isCubic(tanh, x) ? () => gelu({ approximate: 'tanh' }) : undefined
  }

  /** Whether a value is √(2/π) (x + 0.044715 x³), or the same with x before the brackets. */
  #isCubic(name: string, x: string): boolean {
    const { scale, values } = this.factors(name)
    if (!isAbout(scale, Math.sqrt(2 / Math.PI))) return false
    const isPower = (of: string, power: number) => {
      const found = this.factors(of)
      return isAbout(found.scale, 0.044715) && found.values.length === power && found.values.every((one) => one === x)
    }
    const sums = values.filter((one) => one !== x)
    const [sum] = sums
    if (sums.length !== 1) return false
    const inputs = this.giver(sum, 'Add')?.input ?? []
    if (values.length === 1) {
      return [inputs, inputs.toReversed()].some(([a = '', b = '']) => this.plain(a) === x && isPower(b, 3))
    }
    const one = this.withNumber(this.giver(sum, 'Add'))
    return values.length === 2 && one?.number === 1 && isPower(one.value, 2)
  }

  /** The axes over which a node takes a mean, if these stay as axes of one value. */
  #axes(node: NodeProto | undefined): number[] | undefined {
    const attribute = (of: string) => node?.attribute?.find(({ name }) => name === of)
    const keeps = attribute('keepdims')
    if (!node || (keeps && keeps.i !== 1)) return undefined
    const given = attribute('axes')?.ints
    if (given) return Array.from(given)
    const constant = node.input?.[1] ? this.file.constant(node.input[1]) : undefined
    const isShort = constant && constant.dims.length <= 1 && product(constant.dims) <= MOST_FACTORS
    return isShort ? Array.from(constant.read()) : undefined
  }

  /** (x - mean) / √(variance + ε), over the last axes. */
  layerNorm(node: NodeProto): Pattern | undefined {
    const [left = '', right = ''] = node.input ?? []
    const centred = this.giver(left, 'Sub')
    const [x = '', middle = ''] = (centred?.input ?? []).map((one) => this.plain(one))
    const mean = this.giver(middle, 'ReduceMean')
    if (!mean || this.plain(mean.input?.[0] ?? '') !== x) return undefined
    const variance = this.withNumber(this.giver(this.giver(right, 'Sqrt')?.input?.[0] ?? '', 'Add'))
    const squares = variance && this.giver(variance.value, 'ReduceMean')
    if (!variance || !squares) return undefined
    const axes = this.#axes(mean)
    if (!axes?.length || axes.join() !== this.#axes(squares)?.join()) return undefined
    const { scale, values } = this.factors(squares.input?.[0] ?? '')
    const isSame = (other: NodeProto | undefined) =>
      this.plain(other?.input?.[0] ?? '') === x && this.#axes(other)?.join() === axes.join()
    const isCentred = (name: string) => {
      if (name === this.plain(left)) return true
      const [a = '', b = ''] = (this.giver(name, 'Sub')?.input ?? []).map((one) => this.plain(one))
      return a === x && (b === middle || isSame(this.giver(b, 'ReduceMean')))
    }
    if (scale !== 1 || values.length !== 2 || !values.every(isCentred)) return undefined
    return {
      reads: [x],
      convert(op) {
        const value = op.active(0)
        const { length } = value.shape
        const places = axes.map((axis) => op.axis(axis, length)).sort((a, b) => a - b)
        if (places.some((place, i) => place !== length - places.length + i)) {
          throw op.fail('it is a norm over axes that are not the last')
        }
        return normalised(op, value, op.exampleAxis(value, places[0]), variance.number, op.hint())
      },
    }
  }
}
