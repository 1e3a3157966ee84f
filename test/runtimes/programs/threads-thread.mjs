// A worker of node:worker_threads.
import { parentPort } from 'node:worker_threads'
import { trainOnThreads } from './threads.mjs'

parentPort.postMessage(await trainOnThreads())
