// For webpack: a compiled module is a global of its file's name, kernels_f64 for kernels.f64.wasm?module.
const { basename } = require('node:path')

module.exports = function () {
  return `export default globalThis.${basename(this.resourcePath, '.wasm').replaceAll('.', '_')}`
}
