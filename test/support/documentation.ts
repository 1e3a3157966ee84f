// Finds the examples of docstrings and Markdown pages and makes modules of them, for the compiler and to run.
import { existsSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import ts from 'typescript'
import { compilerOptions, entries, program, publicNodes, root } from './program'

export interface Example {
  /** The file that it stands in. */
  place: string
  /** The line of its first line there. */
  line: number
  code: string
  /** What the page says that it prints. */
  output: string | undefined
}

/** The blocks indented by four that follow an empty line, of the docstrings of all that is public. */
export function docstrings(): Example[] {
  const found: Example[] = []
  const seen = new Set<ts.Node>()
  const visit = (node: ts.Node): void => {
    for (const doc of ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)) {
      if (seen.has(doc)) continue
      seen.add(doc)
      const file = doc.getSourceFile()
      const first = file.getLineAndCharacterOfPosition(doc.getStart()).line + 1
      const lines = doc
        .getText()
        .split('\n')
        .map((line) => line.replace(/^\s*(\/\*\*|\*\/|\*) ?/, ''))
      for (let i = 1; i < lines.length; i++) {
        if (lines[i - 1] || !lines[i].startsWith('    ')) continue
        const start = i
        while (i < lines.length && (lines[i].startsWith('    ') || (!lines[i] && lines[i + 1]?.startsWith('    ')))) i++
        const code = lines.slice(start, i).map((line) => line.slice(4))
        const place = relative(root, file.fileName)
        found.push({ place, line: first + start, code: code.join('\n'), output: undefined })
      }
    }
    if (!ts.isBlock(node)) ts.forEachChild(node, visit)
  }
  // A variable's docstring belongs to its statement.
  publicNodes.forEach((node) => visit(ts.isVariableDeclaration(node) ? node.parent.parent : node))
  return found
}

/** The js and ts blocks of a page, each with the text block right after it. */
export function markdown(page: string): Example[] {
  const path = join(root, page)
  if (!existsSync(path)) return []
  const text = readFileSync(path, 'utf8')
  const blocks = text.matchAll(/^```(?:js|ts)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/gms)
  return Array.from(blocks, ({ 1: code, 2: output, index }) => {
    return { place: page, line: text.slice(0, index).split('\n').length + 1, code, output }
  })
}

/** What examples take for given. */
const GIVEN: Record<string, string> = {
  network: 'dense(3) as Layer',
  loss: 'softmaxCrossEntropy()',
  optimizer: 'adam({ learningRate: 1e-3 })',
  model: 'await createModel(network, { input: [4], loss, optimizer })',
  x: 'new Float64Array(400)',
  y: 'new Uint8Array(100)',
  target: 'new Float64Array(300)',
  data: '{ x, y }',
  training: '{ x, y }',
  validation: '{ x, y }',
  test: '{ x, y }',
  images: 'new Float64Array(2 * 784)',
  numbers: 'new Float64Array(2 * 5)',
  labels: 'new Uint8Array(2)',
  prices: 'new Float64Array(2)',
  size: '4',
  bytes: 'new Uint8Array(8)',
  modelJson: '{} as object',
  weights: 'new Uint8Array(8)',
  a: 'model',
  b: 'model',
  c: 'model',
  conv1: 'conv2d(8, { kernel: 3, pad: 1 })',
  conv2: 'conv2d(8, { kernel: 3, pad: 1 })',
  conv: 'conv2d(8, { kernel: 1 })',
  body: 'sequential(dense(8), relu())',
  file: 'new File([], "iris.csv")',
  controller: 'new AbortController()',
  slider: 'document.createElement("input")',
  stop: 'document.createElement("button")',
  resume: 'undefined',
  save: '(() => {})',
  chart: '{ add(value: number) {} }',
  space: '{ learningRate: logUniform(1e-4, 1) }',
  report: '(() => {}) as unknown as Report',
  result: 'await search({ space, run: () => 1, trials: 1 })',
}

const FROM_NODE: Record<string, string> = {
  readFileSync: "import { readFileSync } from 'node:fs'",
  writeFileSync: "import { writeFileSync } from 'node:fs'",
}

/** The import of each name that the library exports. */
const exported = new Map<string, string>()
const order = ['index', 'data', 'architectures', 'preprocessing', 'onnx', 'tfjs', 'files', 'worker', 'node']
for (const entry of entries.toSorted((p, q) => order.indexOf(basename(p, '.ts')) - order.indexOf(basename(q, '.ts')))) {
  const checker = program.getTypeChecker()
  const name = basename(entry, '.ts')
  for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(entry)!)!)) {
    const real = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    const kind = real.flags & ts.SymbolFlags.Value ? 'import' : 'import type'
    const from = name === 'index' ? 'v128' : `v128/${name}`
    if (!exported.has(symbol.name)) exported.set(symbol.name, `${kind} { ${symbol.name} } from '${from}'`)
  }
}

/** The names that code uses and does not declare. */
function freeNames(code: string): Set<string> {
  const used = new Set<string>()
  const declared = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) {
      const { parent } = node
      const isName = (parent as Partial<ts.NamedDeclaration>).name === node
      if (ts.isPropertyAccessExpression(parent) && isName) return
      if (ts.isBindingElement(parent) && parent.propertyName === node) return
      if (ts.isShorthandPropertyAssignment(parent) || !isName) used.add(node.text)
      else if (!ts.isPropertyAssignment(parent) && !ts.isMethodDeclaration(parent)) declared.add(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('example.ts', code, ts.ScriptTarget.ESNext, true))
  return new Set([...used].filter((name) => !declared.has(name)))
}

/** The address of a server that stands for one of the reader's own. */
const SERVER = /\.example\b/

/** The lines that must stand before code: imports, and what is given. `given` says whether anything is. */
function preludeOf(code: string): { lines: string[]; given: boolean } {
  const imports: string[] = []
  const given: string[] = []
  const done = new Set<string>()
  const need = (name: string): void => {
    if (done.has(name)) return
    done.add(name)
    const imported = exported.get(name) ?? FROM_NODE[name]
    if (imported) {
      imports.push(imported)
    } else if (Object.hasOwn(GIVEN, name)) {
      freeNames(`(${GIVEN[name]})`).forEach(need)
      given.push(`const ${name} = ${GIVEN[name]}`)
    }
  }
  freeNames(code).forEach(need)
  return {
    lines: [...imports, ...given, 'export {}'],
    given: given.length > 0 || /node:fs/.test(imports.join()) || SERVER.test(code),
  }
}

/** What the compiler says of the examples, each fault with its place. */
export function check(examples: readonly Example[]): string[] {
  const files = new Map<string, { example: Example; text: string; before: number }>()
  examples.forEach((example, i) => {
    const { lines } = preludeOf(example.code)
    // What an example declares anew may have the name of something given: it has a block of its own.
    const text = [...lines, '{', example.code, '}'].join('\n')
    const whole = /^import /m.test(example.code) ? [...lines, '', example.code].join('\n') : text
    files.set(join(root, 'test', `example-${i}.ts`), { example, text: whole, before: lines.length + 1 })
  })
  const options = {
    ...compilerOptions,
    noUnusedLocals: false,
    noUnusedParameters: false,
    paths: Object.fromEntries(
      entries.map((entry) => [basename(entry) === 'index.ts' ? 'v128' : `v128/${basename(entry, '.ts')}`, [entry]]),
    ),
  }
  const host = ts.createCompilerHost(options, true)
  const known = program.getSourceFiles()
  const built = ts.createProgram([...files.keys()], options, {
    ...host,
    fileExists: (name) => files.has(name) || host.fileExists(name),
    readFile: (name) => files.get(name)?.text ?? host.readFile(name),
    getSourceFile(name, version) {
      const file = files.get(name)
      if (file) return ts.createSourceFile(name, file.text, version, true)
      return known.find(({ fileName }) => fileName === name) ?? host.getSourceFile(name, version)
    },
  })
  return [...files].flatMap(([name, { example, before }]) => {
    const file = built.getSourceFile(name)!
    const syntax = built.getSyntacticDiagnostics(file)
    return (syntax.length ? syntax.slice(0, 1) : built.getSemanticDiagnostics(file)).map(({ start, messageText }) => {
      const { line } = file.getLineAndCharacterOfPosition(start!)
      const [first, ...more] = ts.flattenDiagnosticMessageText(messageText, '\n').split('\n')
      // Of a function with several signatures, what is wrong with the last comes last.
      const message = first.startsWith('No overload') ? more.at(-1)!.trim() : first
      const last = example.line + example.code.trimEnd().split('\n').length - 1
      return `${example.place}:${Math.min(example.line + Math.max(line - before, 0), last)}: ${message}`
    })
  })
}

/** A statement that imports, of one line or several. */
const IMPORT = /^import [^'"]*['"][^'"]+['"]$/gm

/** A program that runs the examples that need nothing given, and prints as JSON what they do not give as they say. */
export function script(examples: readonly Example[]): string {
  const parts: string[] = []
  const imports = new Set<string>()
  for (const { place, line, code, output } of examples) {
    const { lines, given } = preludeOf(code)
    // What does not even parse is said by the compiler.
    if (given || ts.transpileModule(code, { reportDiagnostics: true }).diagnostics?.length) continue
    const own = Array.from(code.matchAll(IMPORT), ([text]) => text)
    for (const one of [...lines, ...own]) if (one.startsWith('import ')) imports.add(one)
    // Empty lines in their place, so that those behind them keep their numbers.
    const rest = code.replace(IMPORT, (text) => text.replace(/.+/g, ''))
    const body = rest.split('\n').flatMap((text, i) => {
      const shown = /^(?!\/\/|const |let |import )(\S.*?)\s+\/\/ (.+)$/.exec(text)
      if (!shown || !isLiteral(shown[2])) return [text]
      return [`show(${JSON.stringify(`${place}:${line + i}: ${shown[1]}`)}, ${shown[1]}, ${shown[2]})`]
    })
    const text = body.join('\n')
    parts.push(`await run(${JSON.stringify(`${place}:${line}`)}, ${JSON.stringify(output)}, async () => {\n${text}\n})`)
  }
  const text = `${[...imports].join('\n')}
import { format, isDeepStrictEqual } from 'node:util'
const faults = []
let printed = ''
const print = console.log
console.log = (...values) => { printed += format(...values) + '\\n' }
function show(what, got, wanted) {
  if (!isDeepStrictEqual(got, wanted)) faults.push(\`\${what} gives \${JSON.stringify(got)}, not \${JSON.stringify(wanted)}\`)
}
async function run(place, output, example) {
  printed = ''
  try {
    await example()
  } catch (error) {
    faults.push(\`\${place}: \${error.name}: \${error.message}\`)
  }
  if (output !== undefined && printed !== output) {
    faults.push(\`\${place}: prints \${JSON.stringify(printed)}, not \${JSON.stringify(output)}\`)
  }
}
${parts.join('\n')}
print(JSON.stringify(faults))
`
  // The types of what examples import and do not use go with it.
  return ts.transpileModule(text, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext } })
    .outputText
}

function isLiteral(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
