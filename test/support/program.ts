// The library as the TypeScript compiler sees it, for tests that read its docstrings.
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/** The entries of the package. */
export const entries = readdirSync(join(root, 'src/entries')).map((name) => join(root, 'src/entries', name))

const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)

/** Those of tsconfig.json. */
export const compilerOptions: ts.CompilerOptions = {
  ...ts.convertCompilerOptionsFromJson(config.compilerOptions, root).options,
  noEmit: true,
}

export const program = ts.createProgram(entries, compilerOptions)

/** The declarations of what these entries export. */
export function publicOf(of: ts.Program, from: readonly string[]): Set<ts.Node> {
  const checker = of.getTypeChecker()
  const nodes = new Set<ts.Node>()
  for (const entry of from) {
    const module = checker.getSymbolAtLocation(of.getSourceFile(entry)!)!
    for (const symbol of checker.getExportsOfModule(module)) {
      const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      real.declarations?.forEach((node) => nodes.add(node))
    }
  }
  return nodes
}

export const publicNodes = publicOf(program, entries)
