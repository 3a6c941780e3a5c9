export { type Database, migrateDataPlane, openDatabase } from './database.ts';
export type * from './schema.ts';
