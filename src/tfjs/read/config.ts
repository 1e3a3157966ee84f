// The settings of a Keras layer, under Python's names or under those of JavaScript.

import { type FileError, isObject, show } from '../../errors'
import { member } from './file'

export type Fail = (problem: string) => FileError

/** Settings by the names that Keras has for them; those left out, or null, are the default. */
export interface Config {
  raw(name: string): unknown
  flag(name: string, byDefault: boolean): boolean
  number(name: string, byDefault?: number): number
  whole(name: string, byDefault?: number): number
  /** One number stands for both. */
  pair(name: string, byDefault?: number): [number, number]
  /** In snake case: hard_sigmoid. */
  text(name: string, byDefault: string): string
}

/** relu of 'relu', { class_name: 'relu' } and what Keras 3 has for functions. */
export function textIn(value: unknown): string | undefined {
  if (typeof value === 'string') return value.replace(/[a-z\d](?=[A-Z])/g, '$&_').toLowerCase()
  if (!isObject(value)) return undefined
  const [name, config] = [member(value, 'class_name') ?? member(value, 'className'), member(value, 'config')]
  return textIn(name === 'function' && typeof config === 'string' ? config : name)
}

export function configOf(from: unknown, fail: Fail): Config {
  const raw = (name: string) => {
    const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    return member(from, name) ?? member(from, camel)
  }
  const number = (name: string, byDefault?: number) => {
    const value = raw(name) ?? byDefault
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw fail(`${name} must be a number, got ${show(value)}`)
  }
  const isWhole = (value: unknown): value is number =>
    Number.isSafeInteger(value) && Math.abs(value as number) <= 2 ** 30
  return {
    raw,
    number,
    flag(name, byDefault) {
      const value = raw(name) ?? byDefault
      if (typeof value === 'boolean') return value
      throw fail(`${name} must be true or false, got ${show(value)}`)
    },
    whole(name, byDefault) {
      const value = number(name, byDefault)
      if (isWhole(value)) return value
      throw fail(`${name} must be a whole number, got ${show(value)}`)
    },
    pair(name, byDefault) {
      const value = raw(name) ?? byDefault
      const both: unknown[] = Array.isArray(value) ? value : [value, value]
      if (both.length === 2 && both.every(isWhole)) return both as [number, number]
      throw fail(`${name} must be one or two whole numbers, got ${show(value)}`)
    },
    text(name, byDefault) {
      const value = raw(name)
      const text = value === undefined || value === null ? byDefault : textIn(value)
      if (text !== undefined) return text
      throw fail(`${name} must be a name, got ${show(value)}`)
    },
  }
}
