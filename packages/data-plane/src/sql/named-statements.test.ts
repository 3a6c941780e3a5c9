import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestDatabase, type TestDatabase } from './test-database.ts';

let server: TestDatabase;
beforeAll(async () => {
  server = await startTestDatabase();
});
afterAll(() => server.close());

test('a statement is prepared once and answers each time with its own values', async () => {
  await server.database.connection().execute(async (connection) => {
    for (const value of [1, 2, 3]) {
      const { rows } = await sql<{ n: number }>`select ${value}::int as n`.execute(connection);
      expect(rows).toEqual([{ n: value }]);
    }
    const { rows } = await sql<{ statement: string }>`
      select statement from pg_prepared_statements where statement like 'select $1::int as n'
    `.execute(connection);
    expect(rows).toHaveLength(1);
  });
});

test('texts without end are still answered, and the server does not keep them all', async () => {
  await server.database.connection().execute(async (connection) => {
    for (let index = 0; index < 300; index += 1) {
      const text = `select $1::int + ${index} as n`;
      const result = await connection.executeQuery<{ n: number }>({
        sql: text,
        parameters: [1],
        query: { kind: 'RawNode', sqlFragments: [text], parameters: [] },
        queryId: { queryId: `${index}` },
      });
      expect(result.rows).toEqual([{ n: index + 1 }]);
    }
    const { rows } = await sql<{ n: number }>`
      select count(*)::int as n from pg_prepared_statements
    `.execute(connection);
    expect(rows[0]?.n).toBeLessThanOrEqual(200);
  });
});

test('a connection that breaks at work fails its statement, and later ones have another', async () => {
  const asleep = sql`select pg_sleep(${60}::int)`.execute(server.database);
  const failed = expect(asleep).rejects.toThrow();
  const cut = () =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and query like 'select pg_sleep%' and state = 'active'`.execute(
      server.database,
    );
  await expect.poll(async () => (await cut()).rows.length).toBe(1);
  await failed;
  // The server's last words come before the end of the connection: until then it may be taken again.
  const next = () => sql<{ n: number }>`select ${1}::int as n`.execute(server.database);
  await expect
    .poll(() =>
      next().then(
        ({ rows }) => rows,
        () => null,
      ),
    )
    .toEqual([{ n: 1 }]);
});
