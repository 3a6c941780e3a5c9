import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { migrate, readMigrations } from './migrations.ts';
import { provisionDatabase } from './provision.ts';
import { type EmbeddedPostgres, startPostgres } from './server.ts';

let home: string;
let server: EmbeddedPostgres;
let url: string;
let folder: string;
let count = 0;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-pg-migrate-'));
  server = await startPostgres({ home });
});

afterAll(async () => {
  await server?.stop();
  await rm(home, { recursive: true, force: true });
});

beforeEach(async () => {
  count += 1;
  const name = `m_${String.fromCharCode(96 + count)}`;
  url = (await provisionDatabase(server, name)).ownerUrl;
  folder = await mkdtemp(join(home, 'sql-'));
  await writeFile(join(folder, '0001-things.sql'), 'create table things (id integer);');
  await writeFile(join(folder, '0002-more.sql'), 'alter table things add column more text;');
});

async function rows(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('applies each once, in order', async () => {
  const migrations = await readMigrations(folder);
  expect(await migrate(url, migrations)).toEqual([1, 2]);
  expect(await migrate(url, migrations)).toEqual([]);
  expect(await rows('select id, more from things')).toEqual([]);
});

test('several at once apply each once', async () => {
  const migrations = await readMigrations(folder);
  const applied = await Promise.all([1, 2, 3, 4].map(() => migrate(url, migrations)));
  expect(applied.flat().sort()).toEqual([1, 2]);
});

test('a changed file is refused', async () => {
  await migrate(url, await readMigrations(folder));
  await writeFile(join(folder, '0001-things.sql'), 'create table things (id bigint);');
  await expect(migrate(url, await readMigrations(folder))).rejects.toMatchObject({
    code: 'migration_changed',
  });
});

test('a database newer than the program is refused', async () => {
  const migrations = await readMigrations(folder);
  await migrate(url, migrations);
  await expect(migrate(url, migrations.slice(0, 1))).rejects.toMatchObject({
    code: 'migration_unknown',
  });
});

test('a failing step leaves nothing of any step', async () => {
  await writeFile(join(folder, '0003-broken.sql'), 'create table broken (');
  await expect(migrate(url, await readMigrations(folder))).rejects.toThrow();
  expect(await rows('select number from karta_migrations')).toEqual([]);
  expect(await rows("select to_regclass('things') as found")).toEqual([{ found: null }]);
});

test('a gap or a bad name is refused', async () => {
  await writeFile(join(folder, '0004-gap.sql'), 'select 1;');
  await expect(readMigrations(folder)).rejects.toMatchObject({ code: 'migration_invalid' });
  await rm(join(folder, '0004-gap.sql'));
  await writeFile(join(folder, 'later.sql'), 'select 1;');
  await expect(readMigrations(folder)).rejects.toMatchObject({ code: 'migration_invalid' });
});
