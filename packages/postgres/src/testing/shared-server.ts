import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type DatabaseAccess, provisionDatabase } from '../provision.ts';
import { type EmbeddedPostgres, startPostgres } from '../server.ts';

/** The variable that tells the test files of a run where its one server is asked for. */
export const SHARED_SERVER = 'KARTA_TEST_POSTGRES';

/** Test files run side by side, each with the pools of a plane or two. */
const MAX_CONNECTIONS = 400;

/** What of the shared server a test file needs to make a database of its own. */
export interface SharedTemplate extends DatabaseAccess {
  /** Of the database `postgres`. */
  superuserUrl: string;
}

/** Where the shared server is asked for. */
export interface SharedServer {
  /** The unix socket that takes a line with a template's name and answers with a line of JSON. */
  socket: string;
  close(): Promise<void>;
}

/**
 * Offers one PostgreSQL to all test files of a run: initialising a cluster for each of them costs a
 * second of CPU. It starts when the first one asks, and ends with `close` or with this process.
 * It does not flush to disk: what a power cut leaves of it is nobody's.
 */
export async function shareTestServer(folder: string): Promise<SharedServer> {
  const home = await mkdtemp(join(folder, 'postgres-'));
  let server: Promise<EmbeddedPostgres> | undefined;
  const start = () => {
    server ??= startPostgres({
      home,
      settings: { fsync: 'off', full_page_writes: 'off', max_connections: `${MAX_CONNECTIONS}` },
    });
    return server;
  };
  const templates = new Map<string, Promise<DatabaseAccess>>();
  let latest: Promise<unknown> = Promise.resolve();
  const template = async (name: string): Promise<SharedTemplate> => {
    const running = await start();
    let made = templates.get(name);
    if (made === undefined) {
      // One after the other: they write the same file of secrets.
      made = latest.then(() => provisionDatabase(running, name));
      latest = made.catch(() => undefined);
      templates.set(name, made);
    }
    return { ...(await made), superuserUrl: await running.superuserUrl('postgres') };
  };
  const serve = async (client: Socket) => {
    for await (const name of createInterface({ input: client })) {
      const answer = await template(name).catch((error: Error) => ({ error: error.message }));
      client.write(`${JSON.stringify(answer)}\n`);
    }
  };
  const socket = join(home, 'ask');
  const asked = createServer((client) => {
    // A test file that ends in the middle has no use for an answer.
    client.on('error', () => undefined);
    void serve(client).catch(() => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    asked.once('error', reject);
    asked.listen(socket, resolve);
  });
  asked.unref();
  return {
    socket,
    close: async () => {
      asked.close();
      // What failed to start has told so to whoever asked for it.
      await server?.then((running) => running.stop()).catch(() => undefined);
      await rm(home, { recursive: true, force: true });
    },
  };
}
