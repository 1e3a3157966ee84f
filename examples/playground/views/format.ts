// Numbers for people.

const RAISED: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from('-0123456789', (one, i) => [one, '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'[i]]),
)

/** Three digits that matter. */
export function short(value: number | undefined): string {
  if (value === undefined) return '–'
  if (!Number.isFinite(value)) return String(value)
  const size = Math.abs(value)
  if (size === 0) return '0'
  if (size < 0.001 || size >= 100_000) {
    const [digits, power] = value.toExponential(1).split('e')
    return `${digits} × 10${Array.from(String(Number(power)), (one) => RAISED[one]).join('')}`
  }
  return String(Number(value.toPrecision(3)))
}

export const percent = (share: number | undefined, digits = 1): string =>
  share === undefined || !Number.isFinite(share) ? '–' : `${(100 * share).toFixed(digits)} %`

export const whole = (value: number): string => value.toLocaleString('en')

export const bytes = (value: number): string =>
  value < 1e6 ? `${Math.round(value / 1000)} kB` : `${(value / 1e6).toFixed(1)} MB`
