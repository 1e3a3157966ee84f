import { FileError } from '../errors'
import type { DType } from '../tensor'

/** What is of one precision. Throws a FileError if the host does not get it. */
export async function load<T>(dtype: DType, file: { readonly load: () => Promise<T> }): Promise<T> {
  try {
    return await file.load()
  } catch (cause) {
    throw new FileError(
      `createModel: the kernels for ${dtype} do not load: ${String(cause)}. They are a file of their own, which belongs ` +
        'with the others that the bundler wrote, or that lie in dist/. If it is there, try again; where a script may ' +
        "import nothing later (a service worker), hand createModel a compiled module as `wasm`, and backend: 'wasm'",
      { cause },
    )
  }
}
