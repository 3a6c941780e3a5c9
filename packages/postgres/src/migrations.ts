import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { PostgresError } from './errors.ts';

/** One step of a schema's history: a file `0001-name.sql` that never changes once released. */
export interface Migration {
  number: number;
  name: string;
  sql: string;
  /** SHA-256 of the file, hex. */
  checksum: string;
}

/** Reads the migrations of a folder. Throws `PostgresError('migration_invalid')` on a gap. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const migrations = await Promise.all(
    files.map(async (file) => {
      const [, number, name] = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file) ?? [];
      if (number === undefined || name === undefined) {
        throw new PostgresError('migration_invalid', `${file} is not named 0001-name.sql.`);
      }
      const sql = await readFile(join(folder, file), 'utf8');
      const checksum = createHash('sha256').update(sql).digest('hex');
      return { number: Number(number), name, sql, checksum };
    }),
  );
  for (const [index, migration] of migrations.entries()) {
    if (migration.number !== index + 1) {
      throw new PostgresError('migration_invalid', `Migration ${index + 1} is missing.`);
    }
  }
  return migrations;
}

/**
 * Brings the database at `url` to the newest migration, all steps in one transaction, and returns
 * the numbers applied. Safe when several do it at once. `grantTo` names the role that may then read
 * and write (but not own) every table, and of the tables `appendOnly` only read and insert. Throws `PostgresError`: `migration_changed` when a recorded
 * file is not what was applied, `migration_unknown` when the database is newer than this program.
 */
export async function migrate(
  url: string,
  migrations: readonly Migration[],
  options: { grantTo?: string; appendOnly?: readonly string[] } = {},
): Promise<number[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await prepare(client);
    await client.query('begin');
    // A row lock, not an advisory one: PostgreSQL-compatible engines have it too.
    await client.query('select id from karta_migration_lock where id = 1 for update');
    const applied = await apply(client, migrations);
    if (options.grantTo !== undefined)
      await grant(client, options.grantTo, options.appendOnly ?? []);
    await client.query('commit');
    return applied;
  } finally {
    await client.end();
  }
}

const SERIALISED_ATTEMPTS = 5;
/** unique_violation, duplicate_table, duplicate_object, serialization_failure. */
const RACED = new Set(['23505', '42P07', '42710', '40001']);

/** `create table if not exists` by two at once can fail for one of them; the retry finds it made. */
async function prepare(client: pg.Client): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.query(
        `create table if not exists karta_migration_lock (id integer primary key)`,
      );
      await client.query(`insert into karta_migration_lock (id) values (1) on conflict do nothing`);
      await client.query(
        `create table if not exists karta_migrations (
           number integer primary key,
           name text not null,
           checksum text not null,
           applied_at timestamptz not null default now()
         )`,
      );
      return;
    } catch (error) {
      const code = (error as pg.DatabaseError).code;
      if (code === undefined || !RACED.has(code) || attempt === SERIALISED_ATTEMPTS) throw error;
    }
  }
}

async function apply(client: pg.Client, migrations: readonly Migration[]): Promise<number[]> {
  const recorded = await client.query<{ number: number; name: string; checksum: string }>(
    'select number, name, checksum from karta_migrations order by number',
  );
  const known = new Map(recorded.rows.map((row) => [row.number, row]));
  for (const row of recorded.rows) {
    if (!migrations.some((migration) => migration.number === row.number)) {
      throw new PostgresError(
        'migration_unknown',
        `The database has migration ${row.number} (${row.name}), which this version does not know. Run a newer version.`,
      );
    }
  }
  const applied: number[] = [];
  for (const migration of migrations) {
    const before = known.get(migration.number);
    if (before !== undefined) {
      if (before.checksum === migration.checksum) continue;
      throw new PostgresError(
        'migration_changed',
        `Migration ${migration.number} (${migration.name}) is not the file that was applied.`,
      );
    }
    await client.query(migration.sql);
    await client.query(
      'insert into karta_migrations (number, name, checksum) values ($1, $2, $3)',
      [migration.number, migration.name, migration.checksum],
    );
    applied.push(migration.number);
  }
  return applied;
}

async function grant(
  client: pg.Client,
  role: string,
  appendOnly: readonly string[],
): Promise<void> {
  const to = client.escapeIdentifier(role);
  await client.query(
    `grant select, insert, update, delete on all tables in schema public to ${to}`,
  );
  for (const table of appendOnly) {
    await client.query(
      `revoke update, delete, truncate on ${client.escapeIdentifier(table)} from ${to}`,
    );
  }
  await client.query(
    `revoke insert, update, delete on karta_migrations, karta_migration_lock from ${to}`,
  );
}
