/**
 * A search kept in Redis. Wants the package `ioredis`.
 *
 * @module v128/redis
 */

export { redisStore } from '../stores/redis'
export { type StoreOptions } from '../stores/databases'
