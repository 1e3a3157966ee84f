import { FileError } from '../errors'
import type { DType } from '../tensor'

/** What is of one precision. Throws a FileError if the host does not get it. */
export async function load<T>(dtype: DType, file: { readonly load: () => Promise<T> }): Promise<T> {
  try {
    return await file.load()
  } catch (cause) {
    throw new FileError(
      `createModel: the kernels for ${dtype} do not load: ${String(cause)}; their file belongs with the others that the ` +
        'bundler wrote, or in dist/: if it is there, try again; a service worker, which may import nothing later, needs a ' +
        "compiled module as `wasm`, and backend: 'wasm'",
      { cause },
    )
  }
}
