export type { ControlPlaneConfig, ControlPlaneReady } from './config.ts';
export { migrateControlPlane } from './sql/migrate.ts';
