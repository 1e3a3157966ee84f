/**
 * A search kept in Redis. Wants the package `ioredis`.
 *
 * @module v128/redis
 */

export { type RedisClient, type StoreOptions, redisStore } from '../stores/redis'
