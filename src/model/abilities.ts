// What the compiler knows of a model: which of its methods can work.

/** What a model can do depends on its options: on a loss, on an optimizer, and on not being for inference alone. */
export type Ability = 'loss' | 'optimizer' | 'training'

/** Those of a model created with such options; what the compiler cannot see is taken to be there. */
export type AbilitiesOf<L, O, I> =
  | (IsExactly<L, undefined> extends true ? never : 'loss')
  | (IsExactly<O, undefined> extends true ? never : 'optimizer')
  | (IsExactly<I, true> extends true ? never : 'training')

/** Whether A is B, and neither `any` nor `never`. */
type IsExactly<A, B> = 0 extends 1 & A ? false : [A, B] extends [B, A] ? true : false
