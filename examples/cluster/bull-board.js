// @ts-nocheck: its packages are none of v128's
// npm install @bull-board/api @bull-board/express express bullmq ioredis
// node bull-board.js [redis://...] [name]: the trials of searches as jobs in a browser, on http://localhost:3000, beside
//
//     npx v128 search search-trial.js --store redis://queue.example:6379 --name mnist --queue --trials 200

import { createBullBoard } from '@bull-board/api'
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter'
import { ExpressAdapter } from '@bull-board/express'
import { Queue } from 'bullmq'
import express from 'express'

const [url = process.env.V128_STORE ?? 'redis://localhost:6379', name = 'search'] = process.argv.slice(2)
const queue = new Queue(`v128-${name}`, { connection: { url } })
const serverAdapter = new ExpressAdapter()
// To look only: what is removed or tried again there, v128 would hand out once more, or find ended.
createBullBoard({ queues: [new BullMQAdapter(queue, { readOnlyMode: true })], serverAdapter })
const port = Number(process.env.PORT ?? 3000)
express()
  .use('/', serverAdapter.getRouter())
  .listen(port, 'localhost', () => console.log(`http://localhost:${port}`))
