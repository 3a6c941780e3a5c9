import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from './migrations.ts';
import { type DatabaseAccess, provisionDatabase } from './provision.ts';
import { type EmbeddedPostgres, startPostgres } from './server.ts';

const INSUFFICIENT_PRIVILEGE = '42501';
let home: string;
let server: EmbeddedPostgres;
let data: DatabaseAccess;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-pg-roles-'));
  server = await startPostgres({ home });
  data = await provisionDatabase(server, 'karta_data');
  await provisionDatabase(server, 'karta_other');
  const sql = 'create table notes (id integer primary key)';
  await migrate(data.ownerUrl, [{ number: 1, name: 'notes', sql, checksum: 'a' }], {
    grantTo: 'karta_data_app',
  });
});

afterAll(async () => {
  await server?.stop();
  await rm(home, { recursive: true, force: true });
});

async function run(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('the application role reads and writes', async () => {
  await run(data.applicationUrl, 'insert into notes values (1)');
  expect(await run(data.applicationUrl, 'select id from notes')).toEqual([{ id: 1 }]);
});

test.each([
  'drop table notes',
  'alter table notes add column x integer',
  'truncate notes',
  'create table mine (id integer)',
  'create schema mine',
  'update karta_migrations set checksum = $$x$$',
  'delete from karta_migration_lock',
  "copy notes to program 'true'",
  "select pg_read_file('postgresql.conf')",
  'create role friend',
])('the application role may not: %s', async (sql) => {
  await expect(run(data.applicationUrl, sql)).rejects.toMatchObject({
    code: INSUFFICIENT_PRIVILEGE,
  });
});

test('neither role can connect to another database', async () => {
  for (const url of [data.applicationUrl, data.ownerUrl]) {
    for (const database of ['karta_other', 'postgres', 'template1']) {
      const other = url.replace('/karta_data?', `/${database}?`);
      await expect(run(other, 'select 1')).rejects.toMatchObject({ code: INSUFFICIENT_PRIVILEGE });
    }
  }
});

test('a wrong password is refused', async () => {
  const wrong = data.applicationUrl.replace(/:[^:@]+@/, ':wrong@');
  await expect(run(wrong, 'select 1')).rejects.toMatchObject({ code: '28P01' });
});

test('provisioning again keeps everything and answers the same URLs', async () => {
  expect(await provisionDatabase(server, 'karta_data')).toEqual(data);
  expect(await run(data.ownerUrl, 'select count(*)::int as n from karta_migrations')).toEqual([
    { n: 1 },
  ]);
});

test('a name that is no plain identifier is refused', async () => {
  await expect(provisionDatabase(server, 'a"; drop')).rejects.toThrow(TypeError);
});
