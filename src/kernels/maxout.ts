// Twin of assembly/maxout.ts.
import { SHIFT, type Heap } from './float'

export const maxoutKernels = ({ f, i32 }: Heap) => ({
  maxoutForward(groups: number, pieces: number, hw: number, x: number, index: number, y: number): void {
    x >>>= SHIFT
    index >>>= 2
    y >>>= SHIFT
    for (let group = 0; group < groups; group++) {
      for (let i = 0; i < hw; i++) {
        const at = x + group * pieces * hw + i
        let best = f[at]
        let place = 0
        for (let j = 1; j < pieces; j++) {
          const value = f[at + j * hw]
          if (best === best && !(best >= value)) {
            best = value
            place = j
          }
        }
        f[y + group * hw + i] = best
        i32[index + group * hw + i] = place
      }
    }
  },

  maxoutBackward(groups: number, pieces: number, hw: number, index: number, dy: number, dx: number): void {
    index >>>= 2
    dy >>>= SHIFT
    dx >>>= SHIFT
    for (let group = 0; group < groups; group++) {
      for (let j = 0; j < pieces; j++) {
        const at = dx + (group * pieces + j) * hw
        for (let i = 0; i < hw; i++) f[at + i] = i32[index + group * hw + i] === j ? f[dy + group * hw + i] : 0
      }
    }
  },
})
