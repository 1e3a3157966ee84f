/**
 * A search kept in Postgres. Wants the package `pg`.
 *
 * @module v128/postgres
 */

export { postgresStore } from '../stores/postgres'
export { type StoreOptions } from '../stores/databases'
