import { migrate, readMigrations } from './migrations.ts';

/**
 * Brings a schema up to date as its owner, from the migrations of a folder, and lets the application
 * role use it; of the tables named `appendOnly` it may only read and insert. The two roles may be
 * the same on a server of the operator's own.
 */
export async function migrateFolder(
  folder: string,
  ownerUrl: string,
  applicationUrl: string,
  appendOnly: readonly string[] = [],
): Promise<void> {
  const migrations = await readMigrations(folder);
  const owner = roleOf(ownerUrl);
  const application = roleOf(applicationUrl);
  const grants = owner === application ? {} : { grantTo: application, appendOnly };
  await migrate(ownerUrl, migrations, grants);
}

function roleOf(url: string): string {
  return decodeURIComponent(new URL(url.replace('@/', '@localhost/')).username);
}
