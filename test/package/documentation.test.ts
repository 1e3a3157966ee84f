// Every example in a docstring, in README.md, in CONTRIBUTING.md and on pages of examples/ compiles. Those that need nothing but the library
// run, and what they say that they give is what they give: `expression // value`, or the text block after the code.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Example, check, docstrings, markdown, script } from '../support/documentation'

const pages = ['README.md', 'CONTRIBUTING.md', 'examples/tensorflow-js.md'].flatMap(markdown)
const examples = [...docstrings(), ...pages]

test('there are examples in docstrings and on the pages', () => {
  expect(docstrings().length).toBeGreaterThan(50)
  expect(pages.length).toBeGreaterThan(6)
})

test('each compiles', () => {
  expect(check(examples)).toEqual([])
})

const sample = (code: string): Example => ({ place: 'sample', line: 1, code, output: undefined })

test('one that does not is named, with its line', () => {
  const faults = check([
    sample("const network = sequential(dense(3), relu())\nawait createModel(network, { input: '4' })"),
    sample('model.step(() => unknownName)'),
    sample('dense(3, { biased: true })'),
    sample('dense(3,'),
    sample('relu()'),
  ])
  expect(faults).toEqual([
    expect.stringMatching(/^sample:2: Type 'string' is not assignable/),
    "sample:1: Cannot find name 'unknownName'.",
    expect.stringMatching(/^sample:1: .*'biased' does not exist/),
    expect.stringMatching(/^sample:1: .*expected/),
  ])
})

/** What an example gives that differs from what it says, after running it in a process of its own. */
function run(all: readonly Example[]): string[] {
  // Inside the package, so that it imports 'v128' as its users do.
  const file = `dist/examples-${process.pid}.mjs`
  writeFileSync(file, script(all))
  try {
    return JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8', maxBuffer: 1 << 24 }))
  } finally {
    rmSync(file)
  }
}

test('those that need nothing but the library run, and give what they say', () => {
  expect(run(examples)).toEqual([])
})

test('one that gives something else is named', () => {
  const faults = run([
    sample('[1, 2].length // 3'),
    sample('[1, 2].length // 2'),
    sample('dense(0)'),
    { ...sample('console.log(1 + 1)'), output: '3\n' },
    { ...sample('console.log(1 + 1)'), output: '2\n' },
  ])
  expect(faults).toEqual([
    'sample:1: [1, 2].length gives 2, not 3',
    expect.stringMatching(/^sample:1: PlanError: dense: units/),
    expect.stringMatching(/^sample:1: prints "2\\n", not "3\\n"/),
  ])
})

test.each(['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'])('links of %s lead somewhere', (page) => {
  const targets = Array.from(readFileSync(page, 'utf8').matchAll(/\]\(([^)#]+)[^)]*\)/g), ([, target]) => target)
  expect(targets.filter((target) => !/^https?:/.test(target) && !existsSync(target))).toEqual([])
})

test('the README can be read in one go', () => {
  expect(readFileSync('README.md', 'utf8').split('\n').length).toBeLessThanOrEqual(250)
})
