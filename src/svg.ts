// The parts of an SVG picture, as text. The pictures of the examples are made of them too.

import { log } from './kernels/math'

/** What has which colour. */
export const COLOR = {
  training: '#2b6cb0',
  test: '#dd6b20',
  ink: '#1a202c',
  muted: '#667085',
  grid: '#edf0f4',
  line: '#c9d0d9',
}

const FONT = `Inter, 'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', sans-serif`

/** A rim of white, so that text over lines can be read. */
export const HALO = { stroke: '#fff', 'stroke-width': 4, 'paint-order': 'stroke' }

/** The beginning of a picture: its size, background and titles. */
export function frame(width: number, height: number, title: string, subtitle: string): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`,
    ` font-family="${FONT}" font-size="13" role="img" aria-label="${escape(title)}">\n`,
    `<title>${escape(title)}</title>\n`,
    `<rect width="${width}" height="${height}" fill="#fff"/>\n`,
    text(32, 44, title, { fill: COLOR.ink, 'font-size': 21, 'font-weight': 600 }),
    text(32, 68, subtitle, { fill: COLOR.muted }),
  ].join('')
}

/** Text whose base line begins at a place. */
export function text(x: number, y: number, content: string, style: Record<string, string | number>): string {
  const attributes = Object.entries(style).map(([name, value]) => ` ${name}="${value}"`)
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${attributes.join('')}>${escape(content)}</text>\n`
}

/** A straight line. */
export function line(x1: number, y1: number, x2: number, y2: number, color: string, dash = '', more = ''): string {
  const at = `x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}"`
  return `<line ${at} stroke="${color}"${dash && ` stroke-dasharray="${dash}"`}${more && ` ${more}`}/>\n`
}

/** A disk, or a ring where `fill` is another colour. */
export function circle(x: number, y: number, radius: number, color: string, rim = '#fff'): string {
  const at = `cx="${x.toFixed(1)}" cy="${y.toFixed(1)}"`
  return `<circle ${at} r="${radius}" fill="${color}" stroke="${rim}" stroke-width="1.5"/>\n`
}

/** What is safe between tags and in attributes. */
export function escape(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

/** log10 with the same bits everywhere. */
export function log10(value: number): number {
  return log(value) / Math.LN10
}

/** Round numbers from low to high, about `wanted` of them, at least `least` apart. */
export function linearTicks(low: number, high: number, wanted: number, least = 0): number[] {
  // Each divided by itself: their distance may be more than the greatest number.
  const rough = Math.max(high / wanted - low / wanted, least)
  const power = Number(`1e${rough.toExponential().split('e')[1]}`)
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.7) ?? rough
  const first = Math.ceil(low / step - 1e-9) + 0
  const last = Math.min(high + step * 1e-9, Number.MAX_VALUE)
  const ticks = []
  // Where numbers are so large that one more is the same number, the loop would not end by itself.
  for (let i = 0; i <= 2 * wanted && (first + i) * step <= last; i++) ticks.push((first + i) * step)
  return ticks
}

/** Round numbers from 10^low to 10^high, denser where these are near each other. */
export function logTicks(low: number, high: number): number[] {
  const every = Math.max(Math.ceil((high - low) / 8), 1)
  let ticks: number[] = []
  for (const steps of [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]]) {
    ticks = []
    for (let exponent = Math.floor(low / every) * every; exponent <= high; exponent += every) {
      ticks.push(...steps.map((step) => Number(`${step}e${exponent}`)))
    }
    ticks = ticks.filter((tick) => log10(tick) >= low - 1e-9 && log10(tick) <= high + 1e-9)
    if (ticks.length >= 4) break
  }
  return ticks
}
