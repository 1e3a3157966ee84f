// Which curve curveForward takes, and the numbers in them: one source for both engines.

/** x sigmoid(x) (Elfwing et al., 2017). */
export const SILU: i32 = 0
/** ln(1 + e^x). */
export const SOFTPLUS: i32 = 1
/** x Phi(x), Phi the standard normal distribution (Hendrycks & Gimpel, 2016). */
export const GELU: i32 = 2
/** The same with Phi(x) about (1 + tanh(z)) / 2 = sigmoid(2 z), z = sqrt(2 / pi) (x + 0.044715 x^3). */
export const GELU_TANH: i32 = 3
/** SELU_SCALE (x > 0 ? x : SELU_ALPHA (e^x - 1)) (Klambauer et al., 2017). */
export const SELU: i32 = 4
/** max(0, min(1, x / 6 + 1/2)). From here on curves are of straight lines. */
export const HARD_SIGMOID: i32 = 5
/** x times that (Howard et al., 2019). */
export const HARD_SWISH: i32 = 6

/** 2 sqrt(2 / pi), and 0.044715 times that. */
export const GELU_1: number = 1.5957691216057308
export const GELU_3: number = 0.07135481627260025
/** What |x| is held to where GELU_TANH cubes it, and GELU squares it: there the curves are x and 0 long since. */
export const GELU_FAR: number = 64
/** 1 / sqrt(2 pi). */
export const DENSITY: number = 0.3989422804014327
export const SELU_SCALE: number = 1.0507009873554805
/** SELU_SCALE times 1.6732632423543772. */
export const SELU_BELOW: number = 1.7580993408473768
export const SIXTH: number = 0.16666666666666666
