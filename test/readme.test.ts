// The README's example prints what the README says, to the last digit.
import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('the example prints its output', () => {
  const [, code, output] = /```js\n(.*?)```\n\n```text\n(.*?)```/s.exec(readFileSync('README.md', 'utf8'))!
  // Inside the package, so that it imports 'v128' as its users do.
  const file = 'dist/readme-example.mjs'
  writeFileSync(file, code)
  try {
    expect(execFileSync(process.execPath, [file], { encoding: 'utf8' })).toBe(output)
  } finally {
    rmSync(file)
  }
})
