import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { migrate } from '../migrations.ts';
import { makeOwnDatabase } from './own-database.ts';
import { SHARED_SERVER, type SharedServer, shareTestServer } from './shared-server.ts';

let folder: string;
let shared: SharedServer;
let migrated = 0;
const outer = process.env[SHARED_SERVER];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-shared-'));
  shared = await shareTestServer(folder);
  process.env[SHARED_SERVER] = shared.socket;
});
afterAll(async () => {
  if (outer === undefined) delete process.env[SHARED_SERVER];
  else process.env[SHARED_SERVER] = outer;
  await shared?.close();
  expect(await readdir(folder)).toEqual([]);
  await rm(folder, { recursive: true, force: true });
});

const notes = vi.fn(async (ownerUrl: string) => {
  migrated += 1;
  const sql = 'create table notes (id integer primary key)';
  const grantTo = 'karta_notes_app';
  await migrate(ownerUrl, [{ number: 1, name: 'notes', sql, checksum: 'a' }], { grantTo });
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

test('files that begin at once share one migration and no row', async () => {
  const made = await Promise.all([1, 2, 3].map(() => makeOwnDatabase('karta_notes', notes)));
  expect(migrated).toBe(1);
  const [one, two] = made;
  await run(one?.applicationUrl ?? '', 'insert into notes values (1)');
  expect(await run(one?.applicationUrl ?? '', 'select id from notes')).toEqual([{ id: 1 }]);
  expect(await run(two?.applicationUrl ?? '', 'select id from notes')).toEqual([]);
  for (const database of made) await database.close();
  await expect(run(one?.ownerUrl ?? '', 'select 1')).rejects.toMatchObject({ code: '3D000' });
});

test('the roles are those of a database of its own', async () => {
  const { applicationUrl, ownerUrl, close } = await makeOwnDatabase('karta_notes', notes);
  await expect(run(applicationUrl, 'drop table notes')).rejects.toMatchObject({ code: '42501' });
  const elsewhere = applicationUrl.replace(/\/karta_notes_\w+\?/, '/postgres?');
  await expect(run(elsewhere, 'select 1')).rejects.toMatchObject({ code: '42501' });
  await run(ownerUrl, 'alter table notes add column more text');
  await close();
});

test('templates that are asked for at once are each made', async () => {
  const names = ['karta_one', 'karta_two', 'karta_three'];
  const made = await Promise.all(names.map((name) => makeOwnDatabase(name, async () => {})));
  for (const { applicationUrl, close } of made) {
    expect(await run(applicationUrl, 'select 1 as one')).toEqual([{ one: 1 }]);
    await close();
  }
});

test('a template that cannot be is told to whoever asked', async () => {
  const asked = makeOwnDatabase('no plain name', notes);
  await expect(asked).rejects.toThrow('no plain database name');
});
