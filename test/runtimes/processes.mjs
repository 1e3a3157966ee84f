// Starting processes, and ending every one of them with its children.

import { spawn } from 'node:child_process'

const running = new Set()

/** Ends all that is left, for a run that fails or is stopped. */
process.on('exit', () => {
  for (const pid of running) signal(pid, 'SIGKILL')
})
for (const name of ['SIGINT', 'SIGTERM']) process.on(name, () => process.exit(130))

function signal(pid, name) {
  try {
    process.kill(-pid, name)
  } catch {
    // It is gone.
  }
}

/**
 * Starts a process as the head of a group of its own. `stop()` ends the group; `ended` resolves to
 * { code, stdout, stderr } when the head is over. Options are those of spawn.
 */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', (text) => (output[name] += text))
  }
  const ended = new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: 1, stdout: '', stderr: error.message }))
    child.on('close', (code) => resolve({ code, ...output }))
  })
  if (child.pid) running.add(child.pid)
  const stop = async () => {
    if (!child.pid) return
    signal(child.pid, 'SIGTERM')
    await Promise.race([ended, delay(2000)])
    signal(child.pid, 'SIGKILL')
    running.delete(child.pid)
  }
  return { child, ended, stop, output }
}

/** What a command prints. Throws an Error with its complaint if it fails or takes longer than `seconds`. */
export async function run(command, args, { seconds = 60, ...options } = {}) {
  const { ended, stop, output } = start(command, args, options)
  const result = await Promise.race([ended, delay(1000 * seconds)])
  await stop()
  if (result?.code === 0) return result.stdout
  const why = result ? `ended with ${result.code}` : `took longer than ${seconds} s`
  throw new Error(`${command} ${args.join(' ')} ${why}\n${output.stdout}${output.stderr}`.trim())
}

/** Resolves to undefined after so many milliseconds; keeps no process alive. */
export function delay(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
