export * from './errors.ts';
export * from './migrations.ts';
export * from './provision.ts';
export { POSTGRES_USER } from './run-as.ts';
export { type EmbeddedOptions, type EmbeddedPostgres, startPostgres } from './server.ts';
