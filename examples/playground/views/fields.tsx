// A choice and a number, each with its name.

import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'

interface SelectProps {
  title: string
  value: string
  options: readonly (readonly [value: string, title: string])[]
  onChange(value: string): void
  children?: ComponentChildren
}

export function Select({ title, value, options, onChange, children }: SelectProps) {
  return (
    <div class="choice">
      <label>
        <span>{title}</span>
        <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
          {options.map(([one, text]) => (
            <option key={one} value={one}>
              {text}
            </option>
          ))}
        </select>
      </label>
      {children}
    </div>
  )
}

interface NumberProps {
  title: string
  value: number
  onChange(value: number): void
  /** For who does not see what stands beside it. */
  label?: string
  small?: boolean
  children?: ComponentChildren
}

/** Any number: what it may be, the library says. */
export function NumberField({ title, value, onChange, label, small = false, children }: NumberProps) {
  const input = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => {
    const element = input.current!
    // What somebody types is left alone: a number that is half written, such as "0.", is none yet.
    if (document.activeElement !== element) element.value = Number.isFinite(value) ? String(value) : ''
  }, [value])
  return (
    <div class={small ? 'choice small' : 'choice'}>
      <label>
        <span>{title}</span>
        <input
          type="number"
          step="any"
          ref={input}
          aria-label={label}
          onInput={(event) => {
            const { value: text } = event.currentTarget
            onChange(text === '' ? NaN : Number(text))
          }}
        />
      </label>
      {children}
    </div>
  )
}
