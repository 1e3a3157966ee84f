/** The schedules of build.ts as code. */
export const SCHEDULE_CODE: Readonly<Record<string, (rate: number) => string>> = {
  'cosine over 1,000 steps': (rate) => `cosineDecay({ initial: ${rate}, per: 'step', total: 1000 })`,
  'half every 300 steps': (rate) => `stepDecay({ initial: ${rate}, drop: 0.5, every: 300, per: 'step' })`,
  'exponential, × 0.998 a step': (rate) => `exponentialDecay({ initial: ${rate}, decayRate: 0.998, per: 'step' })`,
  'warm-up of 100 steps': (rate) => `warmup(100, ${rate})`,
}
