// Files of fitted preprocessing.

import { FileError, checkArguments, few, show } from '../errors'
import { decodeSafetensors } from '../io/safetensors'
import { product } from '../tensor'
import { sizesOf } from './bytes'
import { type Encoding, type Imputation, loadTable } from './tables'
import { type Projection, type Scaling, createProjection, createScaling } from './transforms'

const KINDS = ['zeroCenter', 'standardize', 'pca', 'pcaWhitening', 'zca', 'impute', 'oneHot', 'ordinal'] as const

/**
 * What a transform's save() wrote. It applies and inverts to the same bits. Throws a FileError where the file is
 * damaged or holds something else.
 *
 *     const scaling = loadTransform(readFileSync('scaling.safetensors'))
 *     model.predict(scaling.apply(x))
 */
export function loadTransform(bytes: Uint8Array): Scaling | Projection | Imputation | Encoding {
  checkArguments('loadTransform', arguments, 1)
  const tensors = decodeSafetensors(bytes)
  const name = [...tensors.keys()][0] ?? ''
  const kind = KINDS.find((k) => name === `${k}.shape`)
  if (!kind) throw new FileError('loadTransform: the file holds no transform; it begins with ' + show(name))
  const get = (part: string, ...want: (number | undefined)[]): Float64Array => {
    const tensor = tensors.get(`${kind}.${part}`)
    if (!tensor) throw new FileError(`loadTransform: the file has no '${kind}.${part}'`)
    const fits = tensor.shape.length === want.length && want.every((w, i) => w === undefined || w === tensor.shape[i])
    if (!fits || !(tensor.data instanceof Float64Array) || !tensor.data.every(Number.isFinite)) {
      throw new FileError(
        `loadTransform: '${kind}.${part}' is (${few(tensor.shape)}), want finite float64 values ` +
          `(${want.map((w) => w ?? 'any').join(', ')}); the file is damaged`,
      )
    }
    return tensor.data
  }
  const shape = Array.from(get('shape', undefined))
  const size = product(shape)
  if (!shape.length || !shape.every((length) => Number.isSafeInteger(length) && length > 0)) {
    throw new FileError(`loadTransform: a shape of ${sizesOf(shape)}; the file is damaged`)
  }
  if (kind === 'impute' || kind === 'oneHot' || kind === 'ordinal') return loadTable(kind, shape, get)
  if (kind === 'zeroCenter' || kind === 'standardize') {
    const mean = Array.from(get('mean', undefined))
    const std = Array.from(get('std', mean.length))
    if ((mean.length !== size && mean.length !== shape[0]) || std.some((s) => s <= 0)) {
      throw new FileError(`loadTransform: ${mean.length} means for ${sizesOf(shape)} values; the file is damaged`)
    }
    return createScaling(kind, shape, mean, std)
  }
  const mean = get('mean', size)
  const variances = get('variances', undefined)
  const data = get('components', variances.length, size)
  const [totalVariance, epsilon] = get('numbers', 2)
  const divides = kind !== 'pca' && epsilon === 0
  if (
    !variances.length ||
    variances.length > size ||
    epsilon < 0 ||
    variances.some((v) => v < 0 || (divides && v === 0)) ||
    (divides && kind === 'zca' && variances.length < size)
  ) {
    throw new FileError(`loadTransform: the variances of '${kind}' cannot be; the file is damaged`)
  }
  return createProjection(kind, shape, {
    mean,
    components: { shape: [variances.length, size], data },
    variances,
    totalVariance,
    epsilon,
  })
}
