// A curve that never grows beyond so many points: where it would, neighbours become their mean.

const MOST = 512

export class Series {
  x: number[] = []
  y: number[] = []
  /** Values that make a point. */
  #stride = 1
  #sum = 0
  #count = 0

  add(x: number, y: number): void {
    if (!Number.isFinite(y)) return
    this.#sum += y
    if (++this.#count < this.#stride) return
    this.x.push(x)
    this.y.push(this.#sum / this.#count)
    this.#sum = 0
    this.#count = 0
    if (this.x.length < MOST) return
    this.y = halves(this.y)
    this.x = this.x.filter((_, i) => i % 2)
    this.#stride *= 2
  }

  /** Forgets what came after x. */
  cut(x: number): void {
    const keep = this.x.filter((one) => one <= x).length
    this.x.length = keep
    this.y.length = keep
    this.#sum = 0
    this.#count = 0
  }

  copy(): Series {
    const series = new Series()
    series.x = [...this.x]
    series.y = [...this.y]
    series.#stride = this.#stride
    return series
  }

  get last(): number | undefined {
    return this.y.at(-1)
  }
}

const halves = (values: readonly number[]) =>
  Array.from({ length: values.length >> 1 }, (_, i) => (values[2 * i] + values[2 * i + 1]) / 2)

/** Means over neighbours, so that a curve can be followed by eye. */
export function smooth(values: readonly number[], share = 0.15): number[] {
  let mean = values[0] ?? 0
  return values.map((v) => (mean += share * (v - mean)))
}
