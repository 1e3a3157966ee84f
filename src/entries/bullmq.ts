/**
 * A search whose trials are jobs of BullMQ. Wants the packages `bullmq` and `ioredis`.
 *
 * @module v128/bullmq
 */

export { bullmqStore } from '../stores/bullmq'
export { type StoreOptions } from '../stores/databases'
