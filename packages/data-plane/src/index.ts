export type * from './config.ts';
export type * from './control/index.ts';
export { migrateDataPlane } from './sql/migrate.ts';
