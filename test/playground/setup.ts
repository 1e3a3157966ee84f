// Builds the page and serves it as npm run playground does, for all files of tests.
import type { AddressInfo } from 'node:net'
import type { TestProject } from 'vitest/node'
import { buildPage } from '../../examples/playground/build.js'
import { createPageServer } from '../../examples/playground/serve.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** With the two headers for all cores, and without any. */
    isolated: string
    plain: string
  }
}

export default async function setup(project: TestProject) {
  await buildPage()
  const servers = [createPageServer(), createPageServer({})]
  const [isolated, plain] = await Promise.all(
    servers.map(
      (server) =>
        new Promise<string>((resolve) => {
          server.listen(0, 'localhost', () => resolve(`http://localhost:${(server.address() as AddressInfo).port}/`))
        }),
    ),
  )
  project.provide('isolated', isolated)
  project.provide('plain', plain)
  return () => {
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  }
}
