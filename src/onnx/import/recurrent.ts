import type { Converter } from './op'
export const RECURRENT: Readonly<Record<string, Converter>> = {}
