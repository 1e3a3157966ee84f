// The bar of a search in a terminal: how many trials, the rate, the time left, the best, who works.

// @ts-expect-error: it comes without types.
import cliProgress from 'cli-progress'
import type { SearchProgress } from '../search/trials'

/** What the bar shows. */
export type BarProgress = Pick<
  SearchProgress,
  'done' | 'total' | 'trialsPerMinute' | 'secondsLeft' | 'workers' | 'unverified'
> & {
  readonly best: { readonly score: number } | undefined
}

interface Bar {
  start(total: number, value: number, payload: object): void
  update(value: number, payload: object): void
  update(payload: object): void
  stop(): void
}

/** A bar that begins with its first figures. Where there is no terminal it writes a line now and then. */
export function createBar(): { update(progress: BarProgress): void; workers(n: number): void; stop(): void } {
  const bar = new (cliProgress as { SingleBar: new (options: object, preset: object) => Bar }).SingleBar(
    {
      format: '{bar} {value}/{total} trials, {rate} a minute, {left} left, best {best}, {workers}{verify}',
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 5000,
      barsize: 24,
    },
    (cliProgress as { Presets: Record<string, object> }).Presets.shades_classic,
  )
  let begun = false
  return {
    update({ done, total, best, trialsPerMinute, secondsLeft, workers, unverified }) {
      const figures = {
        best: best ? String(Number(best.score.toPrecision(5))) : '-',
        rate: Number.isFinite(trialsPerMinute)
          ? String(Number(trialsPerMinute.toFixed(trialsPerMinute < 10 ? 1 : 0)))
          : '-',
        left: timeText(secondsLeft),
        workers: workersText(workers),
        verify: done === total && unverified ? `, ${unverified} to run again on another worker` : '',
      }
      if (begun) bar.update(done, figures)
      else bar.start(total, done, figures)
      begun = true
    },
    workers: (n) => begun && bar.update({ workers: workersText(n) }),
    stop: () => begun && bar.stop(),
  }
}

function workersText(n: number): string {
  return n ? `${n} ${n === 1 ? 'worker' : 'workers'}` : 'no worker yet: v128 work'
}

/** 45 s, 3 min 20 s, 2 h 5 min. */
function timeText(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-'
  const s = Math.round(seconds)
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}
