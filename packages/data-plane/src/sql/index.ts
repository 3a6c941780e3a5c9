export { type Database, openDatabase } from './database.ts';
export { migrateDataPlane } from './migrate.ts';
export type * from './schema.ts';
