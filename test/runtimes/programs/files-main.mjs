// Node, Deno and Bun: files-main.mjs save|load FOLDER prints what is wrong.
import { load, save } from './files.mjs'

const [command, folder] = process.argv.slice(2)
console.log(JSON.stringify(await { save, load }[command](`${folder}/`)))
