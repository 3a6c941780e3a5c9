export type { ControlPlaneConfig, ControlPlaneReady } from './config.ts';
export { migrateControlPlane } from './sql/database.ts';
