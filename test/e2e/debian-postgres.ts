import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BIN = '/usr/lib/postgresql/15/bin';

/** Whether this machine has Debian's PostgreSQL 15, and may start it: it refuses to run as root. */
export const hasDebianPostgres = existsSync(join(BIN, 'postgres'));

/** A PostgreSQL 15 of the distribution, with two databases whose roles cannot open each other's. */
export interface DebianPostgres extends AsyncDisposable {
  /** Of the roles that own a schema, by database. */
  ownerUrl(database: 'karta_control' | 'karta_data'): string;
  /** Of the roles that own nothing. */
  appUrl(database: 'karta_control' | 'karta_data'): string;
}

/** Starts one in a folder of its own, on a unix socket there. */
export async function startDebianPostgres(): Promise<DebianPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'kpg15-'));
  const user = process.getuid?.() === 0 ? await postgresUser() : null;
  if (user !== null) await chown(folder, user.uid, user.gid);
  // As `/var/run/postgresql` is: processes of other users connect, too.
  await chmod(folder, 0o755);
  const as = (program: string, args: string[]): [string, string[]] =>
    user === null
      ? [join(BIN, program), args]
      : [
          'setpriv',
          [
            `--reuid=${user.uid}`,
            `--regid=${user.gid}`,
            '--clear-groups',
            join(BIN, program),
            ...args,
          ],
        ];
  const data = join(folder, 'data');
  await run(...as('initdb', ['-D', data, '-U', 'super', '--auth=trust', '--no-sync']));
  const options = ['-k', folder, '-c', 'listen_addresses=', '-c', 'fsync=off'];
  const [command, args] = as('postgres', ['-D', data, ...options]);
  const server = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(server, 'exit');
  for await (const line of createInterface({ input: server.stderr })) {
    if (line.includes('ready to accept connections')) break;
  }
  const sql = (database: string, text: string) =>
    run(join(BIN, 'psql'), ['-h', folder, '-U', 'super', '-d', database, '-qc', text]);
  for (const name of ['karta_control', 'karta_data']) {
    await sql('postgres', `create role ${name}_owner login; create role ${name}_app login`);
    await sql('postgres', `create database ${name} owner ${name}_owner`);
    await sql('postgres', `revoke all on database ${name} from public`);
    await sql('postgres', `grant connect on database ${name} to ${name}_app`);
    await sql(name, `grant usage on schema public to ${name}_app`);
    await sql(name, `alter schema public owner to ${name}_owner`);
  }
  const url = (role: string, database: string) =>
    `postgresql://${role}:unused@/${database}?host=${encodeURIComponent(folder)}`;
  return {
    ownerUrl: (database) => url(`${database}_owner`, database),
    appUrl: (database) => url(`${database}_app`, database),
    async [Symbol.asyncDispose]() {
      server.kill('SIGINT');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function postgresUser(): Promise<{ uid: number; gid: number }> {
  const { stdout } = await run('getent', ['passwd', 'postgres']);
  const [, , uid, gid] = stdout.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}
