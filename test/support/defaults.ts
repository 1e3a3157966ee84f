// Reads the defaults of options from the code and from the docstrings, and says where the two differ.
//
// An option is an optional member of what a public function takes, or a parameter with a default. Its default is read
// from the code: `options.x ?? 0.9`, `{ x = 0.9 } = options`, `options.x === undefined ? 0.9 : …`, `{ x: 0.9, ...options }`,
// or from the default of a parameter that `options.x` is handed to. Its sentence, "0.9 unless given", is read from its own
// docstring or, where it has none, from that of the function, after the option's name: "`keep`, 0.5 unless given".
import { relative } from 'node:path'
import ts from 'typescript'
import { publicOf } from './program'

interface Option {
  name: string
  /** What it is an option of. */
  of: string
  place: string
  /** The docstring where its default must stand. */
  docs: string
  /** Whether the docstring is that of the option alone. */
  own: boolean
}

const text = (node: ts.Node) => node.getText().replaceAll(/\s+/g, ' ')
const skip = (node: ts.Expression): ts.Expression =>
  ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isNonNullExpression(node)
    ? skip(node.expression)
    : node

/** The words of a docstring, without its tags. */
function docsOf(node: ts.Node): string {
  const found = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)
  return found
    .map((doc) => ts.getTextOfJSDocComment(doc.comment) ?? '')
    .join(' ')
    .replaceAll(/\s+/g, ' ')
}

function isInternal(node: ts.Node): boolean {
  const hidden = ts.ModifierFlags.Private | ts.ModifierFlags.Protected
  return Boolean(ts.getCombinedModifierFlags(node as ts.Declaration) & hidden) || /@internal/.test(docsWithTags(node))
}

const docsWithTags = (node: ts.Node) => ts.getJSDocCommentsAndTags(node).map(text).join(' ')

/** What a docstring says of an option: each X of "X unless given". */
function saidOf({ name, docs, own }: Option): string[] {
  const said: string[] = []
  for (const match of docs.matchAll(/('[^']*'|\S+) unless given/g)) {
    // The last name before it, as `keep` or `strict: false`.
    const named = docs.slice(0, match.index).match(/`(\w+)(?:: [^`]*)?`(?=[^`]*$)/)?.[1]
    if (own || named === name) said.push(match[1].replace(/^[(`]+|`$/g, ''))
  }
  return said
}

const plain = (word: string) => (Number.isNaN(Number(word)) ? word.toLowerCase() : String(Number(word)))

function placeOf(node: ts.Node): string {
  const file = node.getSourceFile()
  return `${relative(process.cwd(), file.fileName)}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

/** What is wrong with the docstrings of `sources`, as far as they belong to what `entries` export. */
export function readDefaults(program: ts.Program, entries: readonly string[], sources: readonly ts.SourceFile[]) {
  const checker = program.getTypeChecker()
  const publicNodes = publicOf(program, entries)
  const options = new Map<ts.Node, Option>()
  /** What the code takes where an option is not given. */
  const taken = new Map<ts.Node, Set<string>>()
  /** The option of the same name in a function that all options are handed on to. */
  const handedOn = new Map<ts.Node, Set<ts.Node>>()

  /** The public declaration that a node belongs to, with the method in between, if any. */
  function ownerOf(node: ts.Node): { node: ts.Node; name: string } | undefined {
    let method: ts.Node | undefined
    for (let at = node.parent; at; at = at.parent) {
      if (publicNodes.has(at)) {
        const name = (at as ts.NamedDeclaration).name?.getText() ?? '?'
        const inner = method && (method as ts.NamedDeclaration).name?.getText()
        return { node: method ?? at, name: inner ? `${name}.${inner}` : name }
      }
      if (ts.isBlock(at)) return undefined
      const isMember = ts.isMethodDeclaration(at) || ts.isMethodSignature(at) || ts.isPropertySignature(at)
      if (isMember && (ts.isMethodDeclaration(at) || docsWithTags(at))) method = at
    }
    return undefined
  }

  function addOption(node: ts.PropertySignature | ts.ParameterDeclaration): void {
    const owner = ownerOf(node)
    if (!owner || isInternal(owner.node)) return
    const docs = docsOf(node)
    const own = ts.isPropertySignature(node) && docs !== ''
    const of = owner.name
    options.set(node, {
      name: node.name.getText(),
      of,
      place: placeOf(node),
      docs: own ? docs : docsOf(owner.node),
      own,
    })
  }

  /** A default as the docstring must write it; undefined for nothing, and '' for what no word can be compared with. */
  function written(node: ts.Expression): string | undefined {
    const value = skip(node)
    if (ts.isArrayLiteralExpression(value) && !value.elements.length) return undefined
    if (ts.isObjectLiteralExpression(value) && !value.properties.length) return undefined
    if (value.kind === ts.SyntaxKind.NullKeyword) return undefined
    if (ts.isIdentifier(value) && /^(undefined|Infinity|NaN)$/.test(value.text)) return undefined
    if (ts.isStringLiteral(value)) return `'${value.text}'`
    if (ts.isNumericLiteral(value)) return text(value)
    if (value.kind === ts.SyntaxKind.TrueKeyword || value.kind === ts.SyntaxKind.FalseKeyword) return text(value)
    const declared = ts.isIdentifier(value) ? checker.getSymbolAtLocation(value)?.valueDeclaration : undefined
    if (declared && ts.isVariableDeclaration(declared) && declared.initializer) return written(declared.initializer)
    // A function of the library goes by its name; what else is computed has no word.
    const named = ts.isIdentifier(value) && checker.getTypeAtLocation(value).getCallSignatures().length > 0
    return named ? text(value) : ''
  }

  function take(symbols: readonly (ts.Symbol | undefined)[], value: ts.Expression): void {
    const what = written(value)
    for (const symbol of symbols) {
      const node = symbol?.declarations?.[0]
      if (!node || what === undefined) continue
      if (!taken.has(node)) taken.set(node, new Set())
      taken.get(node)!.add(what)
    }
  }

  function handOn(from: ts.Type, to: ts.Type): void {
    for (const member of checker.getNonNullableType(from).getProperties()) {
      const [given] = member.declarations ?? []
      const [taker] = checker.getNonNullableType(to).getProperty(member.name)?.declarations ?? []
      if (!given || !taker || given === taker || !ts.isPropertySignature(given)) continue
      if (!handedOn.has(given)) handedOn.set(given, new Set())
      handedOn.get(given)!.add(taker)
    }
  }

  /** What the code takes for an option, here or where it is handed on to. */
  function takenFor(node: ts.Node, seen = new Set<ts.Node>()): string[] {
    if (seen.has(node)) return []
    seen.add(node)
    return [...(taken.get(node) ?? []), ...[...(handedOn.get(node) ?? [])].flatMap((to) => takenFor(to, seen))]
  }

  /** The member that a name in a pattern such as `{ x } = options` stands for. */
  function memberOf(element: ts.BindingElement): (ts.Symbol | undefined)[] {
    if (!ts.isObjectBindingPattern(element.parent)) return []
    const name = (element.propertyName ?? element.name).getText()
    // A pattern that is given a default itself has the type of both; the option is that of the wider one.
    const { initializer } = element.parent.parent
    const types = [element.parent, ...(initializer ? [initializer] : [])].map((node) => checker.getTypeAtLocation(node))
    return types.map((type) => type.getProperty(name))
  }

  /** The option that an expression such as `options.x`, or `x` after `{ x } = options`, reads. */
  function optionOf(expression: ts.Expression): (ts.Symbol | undefined)[] {
    const node = skip(expression)
    if (ts.isPropertyAccessExpression(node)) return [checker.getSymbolAtLocation(node.name)]
    const declared = ts.isIdentifier(node) ? checker.getSymbolAtLocation(node)?.valueDeclaration : undefined
    return declared && ts.isBindingElement(declared) ? memberOf(declared) : []
  }

  function read(node: ts.Node): void {
    if (ts.isPropertySignature(node) && node.questionToken) addOption(node)
    // What a parameter is computed from is the function's own affair.
    if (
      ts.isParameter(node) &&
      !ts.isConstructorDeclaration(node.parent) &&
      node.initializer &&
      written(node.initializer)
    ) {
      addOption(node)
      take([checker.getSymbolAtLocation(node.name)], node.initializer)
    }
    if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken) {
      take(optionOf(node.left), node.right)
    }
    if (ts.isConditionalExpression(node) && ts.isBinaryExpression(node.condition)) {
      const { left, right, operatorToken } = node.condition
      const absent = text(right) === 'undefined' && operatorToken.kind === ts.SyntaxKind.EqualsEqualsEqualsToken
      if (absent && text(node.whenFalse).includes(text(left))) take(optionOf(left), node.whenTrue)
    }
    if (ts.isBindingElement(node) && node.initializer && ts.isObjectBindingPattern(node.parent)) {
      take(memberOf(node), node.initializer)
    }
    if (ts.isObjectLiteralExpression(node)) {
      node.properties.forEach((property, i) => {
        if (!ts.isPropertyAssignment(property)) return
        for (const later of node.properties.slice(i + 1)) {
          if (!ts.isSpreadAssignment(later)) continue
          take(
            [
              checker
                .getNonNullableType(checker.getTypeAtLocation(later.expression))
                .getProperty(property.name.getText()),
            ],
            property.initializer,
          )
        }
      })
    }
    if (ts.isCallExpression(node)) {
      const parameters = checker.getResolvedSignature(node)?.declaration?.parameters
      node.arguments.forEach((argument, i) => {
        const parameter = parameters?.[i]
        if (!parameter || !ts.isParameter(parameter)) return
        if (parameter.initializer) take(optionOf(argument), parameter.initializer)
        if (ts.isIdentifier(argument)) handOn(checker.getTypeAtLocation(argument), checker.getTypeAtLocation(parameter))
      })
    }
    ts.forEachChild(node, read)
  }

  sources.forEach(read)

  const faults: string[] = []
  const found: string[] = []
  for (const [node, option] of options) {
    const defaults = [...new Set(takenFor(node))]
    const wanted = defaults.filter(Boolean)
    const said = saidOf(option)
    const what = `${option.place} ${option.of}: ${option.name}`
    if (defaults.length) found.push(`${option.of}: ${option.name}`)
    if (defaults.length && !said.length) {
      const form = `${option.own ? '' : `\`${option.name}\`, `}${wanted[0] ?? '...'} unless given`
      faults.push(`${what}: the code takes ${wanted.join(' or ') || 'a default'}; the docstring must say "${form}"`)
    }
    const literal = said.filter((word) => /^('.*'|-?[\d.]+(e-?\d+)?|true|false)$/i.test(word))
    for (const word of literal) {
      if (!wanted.some((one) => plain(one) === plain(word)) && (wanted.length || !defaults.length)) {
        faults.push(
          `${what}: the docstring says "${word} unless given"; the code takes ${wanted.join(' or ') || 'none'}`,
        )
      }
    }
    for (const one of wanted) {
      if (said.length && !said.some((word) => plain(word) === plain(one))) {
        faults.push(`${what}: the code takes ${one}; the docstring must say "${one} unless given"`)
      }
    }
  }
  return { faults, found }
}
