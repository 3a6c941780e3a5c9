import { execFile, spawn } from 'node:child_process';
import { chown, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { findBinaries } from './binaries.ts';
import { HERE, SERVER_ENVIRONMENT } from './initialize.ts';
import { processesOver } from './processes.ts';
import { chooseUser, commandAs } from './run-as.ts';
import { type EmbeddedPostgres, startPostgres } from './server.ts';

const SERVE = join(import.meta.dirname, 'fixtures', 'serve.ts');
const root = process.getuid?.() === 0;
const cleanups: (() => Promise<unknown>)[] = [];

/** A home whose cluster was made, and then stopped in good order. */
let made: string;

beforeAll(async () => {
  made = await mkdtemp(join(tmpdir(), 'karta-pg-made-'));
  await (await startPostgres({ home: made })).stop();
});
afterAll(() => rm(made, { recursive: true, force: true }));

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function newHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'karta-pg-test-'));
  cleanups.push(() => rm(home, { recursive: true, force: true }));
  return home;
}

/** A home that has been served before: to copy its cluster costs a fraction of making one. */
async function usedHome(): Promise<string> {
  const home = await newHome();
  await promisify(execFile)('cp', ['-a', '--reflink=auto', `${made}/.`, home]);
  return home;
}

async function start(home: string): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ home });
  cleanups.push(() => server.stop());
  return server;
}

async function query(server: EmbeddedPostgres, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: await server.superuserUrl('postgres') });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Serves `home` from a process of its own; resolves once it serves. */
async function serveInChild(home: string, uid?: number) {
  const child = spawn(process.execPath, [SERVE, home], {
    stdio: ['ignore', 'pipe', 'inherit'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  cleanups.push(async () => child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(String(data)));
    child.once('exit', (code) => reject(new Error(`serve.ts ended with ${code}`)));
  });
  const [pid, sockets]: [number, string] = JSON.parse(line);
  cleanups.push(() => rm(sockets, { recursive: true, force: true }));
  return { child, pid };
}

async function gone(pid: number): Promise<void> {
  await expect.poll(() => stat(`/proc/${pid}`).catch(() => null), { timeout: 10_000 }).toBe(null);
}

test('what was committed is there after a stop and a start', async () => {
  const home = await usedHome();
  const first = await start(home);
  await query(first, 'create table kept (n integer); insert into kept values (42)');
  await first.stop();
  expect(await processesOver(join(home, 'postgres', 'data'))).toEqual([]);
  const second = await start(home);
  expect(await query(second, 'select n from kept')).toEqual([{ n: 42 }]);
});

test('it serves a unix socket and no TCP port, and keeps its passwords to its owner', async () => {
  const home = await newHome();
  const server = await start(home);
  expect(await query(server, 'show listen_addresses')).toEqual([{ listen_addresses: '' }]);
  expect(await readdir(server.socketFolder)).toContain('.s.PGSQL.5432');
  expect(Buffer.byteLength(join(server.socketFolder, '.s.PGSQL.5432'))).toBeLessThanOrEqual(107);
  expect((await stat(server.socketFolder)).mode & 0o777).toBe(0o700);
  expect((await stat(join(home, 'secrets', 'postgres.json'))).mode & 0o777).toBe(0o600);
  const password = await server.passwords.of('karta');
  const command = await readFile(`/proc/${server.pid}/cmdline`, 'utf8');
  const environment = await readFile(`/proc/${server.pid}/environ`, 'utf8');
  expect(command + environment).not.toContain(password);
});

test.runIf(root)('as root the server has another user, who need not reach the home', async () => {
  const home = await usedHome();
  expect((await stat(home)).mode & 0o777).toBe(0o700);
  const server = await start(home);
  expect((await stat(`/proc/${server.pid}`)).uid).not.toBe(0);
});

test.runIf(root)('an ordinary user can serve too', async () => {
  const home = await newHome();
  await chown(home, 65534, 65534);
  const { child, pid } = await serveInChild(home, 65534);
  expect((await stat(`/proc/${pid}`)).uid).toBe(65534);
  child.kill('SIGKILL');
  await gone(pid);
});

test('kill -9 of the parent ends the server, and the next start finds everything', async () => {
  const home = await usedHome();
  const { child, pid } = await serveInChild(home);
  child.kill('SIGKILL');
  await gone(pid);
  const server = await start(home);
  expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('kill -9 of the server itself is told, and the next start recovers', async () => {
  const home = await usedHome();
  const server = await start(home);
  await query(server, 'create table kept (n integer); insert into kept values (7)');
  process.kill(server.pid, 'SIGKILL');
  await server.exited;
  const again = await start(home);
  expect(await query(again, 'select n from kept')).toEqual([{ n: 7 }]);
});

test('a home that is served is refused to another, in this process and in the next', async () => {
  const home = await usedHome();
  const { child, pid } = await serveInChild(home);
  await expect(startPostgres({ home })).rejects.toMatchObject({ code: 'in_use' });
  child.kill('SIGKILL');
  await gone(pid);
  await start(home);
  await expect(startPostgres({ home })).rejects.toMatchObject({ code: 'in_use' });
});

test('two homes serve at once', async () => {
  const [a, b] = await Promise.all([usedHome().then(start), usedHome().then(start)]);
  expect(a.socketFolder).not.toBe(b.socketFolder);
  expect(await query(a, 'select 1 as one')).toEqual(await query(b, 'select 1 as one'));
});

test('a stale pid file that names a live stranger does not stop the start', async () => {
  const home = await usedHome();
  const server = await start(home);
  const file = join(home, 'postgres', 'data', 'postmaster.pid');
  const lines = await readFile(file, 'utf8');
  await server.stop();
  const user = await chooseUser(join(home, 'postgres', 'data'));
  const [command, args] = commandAs(user, ['sleep', '600'], { endWithParent: true });
  const stranger = spawn(command, args);
  cleanups.push(async () => stranger.kill('SIGKILL'));
  await writeFile(file, lines.replace(/^\d+/, String(stranger.pid)));
  if (user) await chown(file, user.uid, user.gid);
  await start(home);
  expect(stranger.exitCode).toBe(null);
});

test('an orphan that still serves the cluster is ended first', async () => {
  const home = await usedHome();
  await (await start(home)).stop();
  const dataDir = join(home, 'postgres', 'data');
  const user = await chooseUser(dataDir);
  const { postgres } = await findBinaries(user, join(home, 'cache'));
  const sockets = await mkdtemp(join(tmpdir(), 'karta-pg-orphan-'));
  cleanups.push(() => rm(sockets, { recursive: true, force: true }));
  if (user) await chown(sockets, user.uid, user.gid);
  const argv = [postgres, '-D', HERE, '-k', sockets, '-c', 'listen_addresses='];
  const [command, args] = commandAs(user, argv, { endWithParent: true });
  const orphan = spawn(command, args, { cwd: dataDir, env: SERVER_ENVIRONMENT });
  const ended = new Promise((resolve) => orphan.once('exit', resolve));
  await new Promise<void>((resolve) => {
    orphan.stderr.on('data', (text) => {
      if (String(text).includes('ready to accept')) resolve();
    });
  });
  const server = await start(home);
  await ended;
  expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
});

test('lost passwords are said, never replaced', async () => {
  const home = await usedHome();
  await (await start(home)).stop();
  await rm(join(home, 'secrets'), { recursive: true });
  await expect(startPostgres({ home })).rejects.toMatchObject({ code: 'secrets_lost' });
});

test('an initialisation that was cut off is begun anew', async () => {
  const home = await newHome();
  await promisify(execFile)('mkdir', ['-p', join(home, 'postgres', 'data.new', 'base')]);
  const server = await start(home);
  expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }]);
});
