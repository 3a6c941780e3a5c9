import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrateDataPlane } from './migrate.ts';
import { startTestDatabase, type TestDatabase } from './test-database.ts';

let db: TestDatabase;

beforeAll(async () => {
  db = await startTestDatabase();
});
afterAll(() => db?.close());

test('the migrations give exactly this schema', async () => {
  const columns = await sql<{ line: string }>`
    select c.table_name || '.' || c.column_name || ' ' || c.data_type
      || case when c.is_nullable = 'NO' then ' not null' else '' end
      || coalesce(' default ' || c.column_default, '') as line
    from information_schema.columns c
    where c.table_schema = 'public' and c.table_name not like 'karta_migration%'
    order by c.table_name, c.ordinal_position`.execute(db.database);
  const indexes = await sql<{ line: string }>`
    select regexp_replace(indexdef, ' ON public\\.', ' on ') as line
    from pg_indexes
    where schemaname = 'public' and tablename not like 'karta_migration%'
    order by indexname`.execute(db.database);
  const schema = [...columns.rows, ...indexes.rows].map((row) => row.line).join('\n');
  await expect(`${schema}\n`).toMatchFileSnapshot('schema.snapshot.txt');
});

test('migrating again changes nothing', async () => {
  await migrateDataPlane(db.ownerUrl, db.applicationUrl);
  await migrateDataPlane(db.ownerUrl, db.applicationUrl);
  const applied = await sql<{ n: number }>`select count(*)::int as n from karta_migrations`.execute(
    db.database,
  );
  expect(applied.rows[0]?.n).toBeGreaterThan(0);
});

test('the application role cannot change the schema', async () => {
  await expect(sql`drop table turns`.execute(db.database)).rejects.toMatchObject({ code: '42501' });
});
