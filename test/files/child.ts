// A process that saves files, for tests that start it, and kill it.
//
//   loop FILE BYTES PAUSE TIMES   contents 0, 1, 2, … of so many bytes; a PAUSE of -1: as fast as it can, else in small
//                                 pieces with so many milliseconds between them. Prints a line when it begins, one at
//                                 its end.
//   save FILE BYTES, load FILE    once; prints what it throws as JSON
import { loadFile, saveFile } from '../../src/entries/files'
import { contentOf } from './content'
import { saveSlowly } from './slow'

const [command, file, bytes, pause, times] = process.argv.slice(2)

if (command !== 'loop') {
  const result: Promise<unknown> = command === 'save' ? saveFile(file, contentOf(1, Number(bytes))) : loadFile(file)
  await result.then(
    () => console.log('{}'),
    ({ name, message }: Error) => console.log(JSON.stringify({ name, message })),
  )
} else {
  // Each process begins elsewhere, and none has the contents of the one before it.
  const first = 1000 * (process.pid % 1000)
  console.log('begins')
  for (let i = first; i < first + Number(times); i++) {
    const content = contentOf(i, Number(bytes))
    await (Number(pause) < 0 ? saveFile(file, content) : saveSlowly(file, content, Number(pause)))
  }
  console.log('ended')
}
