// Three hosts on one machine: network namespaces behind a bridge, each with an address of its own. Wants root and iproute2.

import { execFileSync } from 'node:child_process'

const BRIDGE = 'v128br'
/** The address of this host, as the others reach it. */
export const HERE = '10.128.77.1'

const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
const silently = (...args) => {
  try {
    ip(...args)
  } catch {
    // It was not there.
  }
}

/** Makes hosts of these names, and the network between them. */
export function createHosts(names) {
  removeHosts(names)
  ip('link', 'add', BRIDGE, 'type', 'bridge')
  ip('addr', 'add', `${HERE}/24`, 'dev', BRIDGE)
  ip('link', 'set', BRIDGE, 'up')
  for (const [i, name] of names.entries()) {
    const link = `v128${name}`
    ip('netns', 'add', link)
    ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', link)
    ip('link', 'set', link, 'master', BRIDGE)
    ip('link', 'set', link, 'up')
    ip('-n', link, 'addr', 'add', `10.128.77.${10 + i}/24`, 'dev', 'eth0')
    ip('-n', link, 'link', 'set', 'eth0', 'up')
    ip('-n', link, 'link', 'set', 'lo', 'up')
  }
}

/** What runs a command on a host. */
export function commandOn(name, command, ...args) {
  return ['ip', ['netns', 'exec', `v128${name}`, command, ...args]]
}

/** Cuts the network of a host, or mends it. */
export function setNetwork(name, state) {
  ip('link', 'set', `v128${name}`, state)
}

export function removeHosts(names) {
  for (const name of names) {
    silently('netns', 'del', `v128${name}`)
    silently('link', 'del', `v128${name}`)
  }
  silently('link', 'del', BRIDGE)
}
