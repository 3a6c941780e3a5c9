import pg from 'pg';
import { type EmbeddedPostgres, socketUrl } from './server.ts';

/** A database with two roles: one that owns and migrates it, one for the application. */
export interface DatabaseAccess {
  /** Owns the database and everything in it. For migrations. */
  ownerUrl: string;
  /** Owns nothing and may only use the tables it is granted. */
  applicationUrl: string;
}

/**
 * Makes the database `name` with its roles `<name>_owner` and `<name>_app`, unless they exist.
 * Neither role can connect to any other database. `name` must be a plain lowercase identifier.
 */
export async function provisionDatabase(
  server: EmbeddedPostgres,
  name: string,
): Promise<DatabaseAccess> {
  if (!/^[a-z_]{1,40}$/.test(name)) throw new TypeError(`${name} is no plain database name`);
  const owner = `${name}_owner`;
  const application = `${name}_app`;
  await asSuperuser(server, 'postgres', async (client) => {
    for (const role of [owner, application]) {
      const verb = (await found(client, 'pg_roles', 'rolname', role)) ? 'alter' : 'create';
      const password = client.escapeLiteral(await server.passwords.of(role));
      await client.query(`${verb} role ${role} login nosuperuser nocreatedb password ${password}`);
    }
    if (!(await found(client, 'pg_database', 'datname', name))) {
      await client.query(`create database ${name} owner ${owner}`);
    }
    for (const database of [name, 'postgres', 'template1']) {
      await client.query(`revoke all on database ${database} from public`);
    }
    await client.query(`grant connect on database ${name} to ${application}`);
  });
  await asSuperuser(server, name, async (client) => {
    await client.query(`alter schema public owner to ${owner}`);
    await client.query('revoke all on schema public from public');
    await client.query(`grant usage on schema public to ${application}`);
  });
  const url = async (role: string) =>
    socketUrl(server.socketFolder, role, await server.passwords.of(role), name);
  return { ownerUrl: await url(owner), applicationUrl: await url(application) };
}

async function found(
  client: pg.Client,
  catalog: 'pg_roles' | 'pg_database',
  column: string,
  name: string,
): Promise<boolean> {
  const answer = await client.query(`select 1 from ${catalog} where ${column} = $1`, [name]);
  return answer.rowCount === 1;
}

async function asSuperuser(
  server: EmbeddedPostgres,
  database: string,
  work: (client: pg.Client) => Promise<void>,
): Promise<void> {
  const client = new pg.Client({ connectionString: await server.superuserUrl(database) });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
