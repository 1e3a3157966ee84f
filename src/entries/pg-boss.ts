/**
 * A search whose trials are jobs of pg-boss. Wants the packages `pg-boss` and `pg`.
 *
 * @module v128/pg-boss
 */

export { pgBossStore } from '../stores/pg-boss'
export { type StoreOptions } from '../stores/databases'
