/**
 * 0 in the module of all kernels. build.mjs makes others of it, without the code for what else there could be, for
 * networks of which this is known:
 *
 *   conv2d               3 x 3, with pads, stride, dilation and groups of 1, for images at least 4 wide, at most KC
 *                        channels and filters, and so few of both that weights are splatted at once; and either it goes by winograd.ts with tiles of this size, or it is of
 *                        one channel and its dw sums taps
 *   dense                no sum is of more than LONG products
 *   softmaxCrossEntropy  without weights and smoothing
 *
 * A call that says its `variant` (src/plan/calls.ts) is known to be like that.
 */
export let ONLY_TILES: i32 = 0
