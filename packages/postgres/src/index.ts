export * from './errors.ts';
export { completeKey, IdempotencyKeys, type IdempotencyTables } from './idempotency-keys.ts';
export { migrateFolder } from './migrate-folder.ts';
export * from './migrations.ts';
export { NamingClient } from './named-statements.ts';
export * from './provision.ts';
export { POSTGRES_USER } from './run-as.ts';
export { type EmbeddedOptions, type EmbeddedPostgres, startPostgres } from './server.ts';
