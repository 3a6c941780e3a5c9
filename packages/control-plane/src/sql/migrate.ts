import { join } from 'node:path';
import { migrateFolder } from '@karta/postgres';

/** Of these the application role may only read and insert. */
const APPEND_ONLY: readonly string[] = [
  'audit_events',
  'audit_signed_heads',
  'audit_keys',
  'price_overrides',
];

/** Brings the schema up to date as its owner, and lets the application role use it. */
export async function migrateControlPlane(ownerUrl: string, applicationUrl: string): Promise<void> {
  const folder = join(import.meta.dirname, 'migrations');
  await migrateFolder(folder, ownerUrl, applicationUrl, APPEND_ONLY);
}
