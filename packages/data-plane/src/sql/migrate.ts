import { join } from 'node:path';
import { migrateFolder } from '@karta/postgres';

/**
 * Brings the schema up to date as its owner, and lets the application role use it. The two may be
 * the same role, on a server of the operator's own.
 */
export async function migrateDataPlane(ownerUrl: string, applicationUrl: string): Promise<void> {
  await migrateFolder(join(import.meta.dirname, 'migrations'), ownerUrl, applicationUrl);
}
