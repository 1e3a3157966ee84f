/**
 * Files by name: on disk in Node, Deno and Bun, in the storage of the page's origin in browsers.
 *
 * @module v128/files
 */

export { type Bytes } from '../data/bytes'
export { type LoadOptions, loadFile, saveFile } from '../io/files'
