export * from './config.ts';
export * from './control/index.ts';
export * from './releases/index.ts';
export { migrateDataPlane } from './sql/index.ts';
