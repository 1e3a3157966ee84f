/**
 * What needs the decomposition of a matrix, and with it ml-matrix, which the build bundles. Its licence wants to be
 * kept, so esbuild keeps a comment that begins with an exclamation mark.
 *
 * @module v128/preprocessing
 */

export { type PcaOptions, type WhiteningOptions, type ZcaOptions, pca, pcaWhitening, zca } from '../data/decompositions'
export { loadTransform } from '../data/load-transform'
export type { Projection, Transform } from '../data/transforms'

/*!
This file contains ml-matrix (Copyright (c) 2014 Michaël Zasso), is-any-array (Copyright (c) 2018 cheminfo) and
ml-array-rescale, ml-array-max and ml-array-min (Copyright (c) 2017 mljs), each under the MIT License:

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
*/
