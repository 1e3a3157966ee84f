/**
 * A search kept in Postgres. Wants the package `pg`.
 *
 * @module v128/postgres
 */

export { type PostgresPool, postgresStore } from '../stores/postgres'
export { type StoreOptions } from '../stores/redis'
