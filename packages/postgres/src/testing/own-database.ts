import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { type DatabaseAccess, provisionDatabase } from '../provision.ts';
import { startPostgres } from '../server.ts';
import { SHARED_SERVER, type SharedTemplate } from './shared-server.ts';

/** Brings a schema up to date: as its owner, for the application's role. */
export type Migrate = (ownerUrl: string, applicationUrl: string) => Promise<void>;

/** A database that nobody else uses. */
export interface OwnDatabase extends DatabaseAccess {
  /** Drops it, whoever is still connected. */
  close(): Promise<void>;
}

/**
 * A migrated database for a test file: a copy of the template `name` on the server that the run
 * shares, where it is migrated once. Outside such a run, on a server of its own.
 */
export async function makeOwnDatabase(name: string, migrate: Migrate): Promise<OwnDatabase> {
  const socket = process.env[SHARED_SERVER];
  return socket === undefined ? onOwnServer(name, migrate) : copyOf(socket, name, migrate);
}

async function onOwnServer(name: string, migrate: Migrate): Promise<OwnDatabase> {
  const home = await mkdtemp(join(tmpdir(), 'karta-test-db-'));
  const server = await startPostgres({ home });
  const access = await provisionDatabase(server, name);
  await migrate(access.ownerUrl, access.applicationUrl);
  return {
    ...access,
    close: async () => {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function copyOf(socket: string, name: string, migrate: Migrate): Promise<OwnDatabase> {
  const template = await askFor(socket, name);
  const own = `${name}_${randomBytes(6).toString('hex')}`;
  const asSuperuser = async (work: (client: pg.Client) => Promise<void>) => {
    const client = new pg.Client({ connectionString: template.superuserUrl });
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  };
  await asSuperuser(async (client) => {
    // Held until this connection ends: files that come first at once migrate the template once.
    await client.query('select pg_advisory_lock(hashtext($1))', [name]);
    const { rowCount } = await client.query(
      'select 1 from pg_database where datname = $1 and datistemplate',
      [name],
    );
    if (rowCount === 0) {
      await migrate(template.ownerUrl, template.applicationUrl);
      await client.query(`alter database ${name} is_template true`);
    }
    // As files: page by page through the log takes 0.4 s of CPU more, for a durability that is off.
    await client.query(
      `create database ${own} template ${name} owner ${name}_owner strategy file_copy`,
    );
    await client.query(`revoke all on database ${own} from public`);
    await client.query(`grant connect on database ${own} to ${name}_app`);
  });
  const urlOf = (url: string) => url.replace(`/${name}?`, `/${own}?`);
  return {
    ownerUrl: urlOf(template.ownerUrl),
    applicationUrl: urlOf(template.applicationUrl),
    close: () =>
      asSuperuser(async (client) => {
        await client.query(`drop database ${own} with (force)`);
      }),
  };
}

async function askFor(socket: string, name: string): Promise<SharedTemplate> {
  const client = connect(socket);
  try {
    client.write(`${name}\n`);
    for await (const line of createInterface({ input: client })) {
      const answer = JSON.parse(line) as SharedTemplate | { error: string };
      if ('error' in answer) throw new Error(`The shared PostgreSQL failed: ${answer.error}`);
      return answer;
    }
    throw new Error('The run of tests that shares its PostgreSQL has ended.');
  } finally {
    client.destroy();
  }
}
