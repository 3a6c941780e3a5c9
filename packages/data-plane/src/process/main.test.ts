import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mintApiKey } from '@karta/service/home';
import { loopbackSurface, newPlaneKey, publicHalf } from '@karta/service/plane-auth';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DataPlaneConfig, dataPlaneReady } from '../config.ts';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';

const MAIN = join(import.meta.dirname, '..', 'main.ts');
const DOORS_MAIN = join(import.meta.dirname, '../../../doors/src/main.ts');

let db: TestDatabase;
let home: string;
let runtime: string;
const apiKey = mintApiKey();
/** Of a control plane that is away. */
const NOBODY = 'http://127.0.0.1:9';
let doors: ChildProcess;
const planeKey = newPlaneKey();
const token = randomBytes(16).toString('hex');
const children: ChildProcess[] = [];

beforeAll(async () => {
  db = await startTestDatabase();
  home = await mkdtemp(join(tmpdir(), 'karta-plane-'));
  runtime = await mkdtemp(join(tmpdir(), 'kp-'));
  const started = await startProcess(DOORS_MAIN, {
    runtime_dir: join(runtime, 'doors'),
    journal_dir: join(runtime, 'journal'),
    management_socket: join(runtime, 'doors.sock'),
    management_token: token,
    upstreams: [{ id: 'demo' }],
    metrics_port: null,
  });
  doors = started.child;
  await started.firstLine;
});

afterAll(async () => {
  for (const child of [...children, doors]) child?.kill('SIGKILL');
  await db?.close();
  for (const folder of [home, runtime]) await rm(folder, { recursive: true, force: true });
});

function configuration(change: Partial<DataPlaneConfig> = {}): unknown {
  return {
    home,
    runtime_dir: runtime,
    host: '127.0.0.1',
    port: 0,
    internal: loopbackSurface(0),
    control: { internal_url: NOBODY, key: planeKey, public_key: publicHalf(newPlaneKey()) },
    database_url: db.applicationUrl,
    doors: { management_socket: join(runtime, 'doors.sock'), token },
    sandbox: 'none',
    pool_size: 0,
    drain_ms: 1000,
    allow_unsandboxed: false,
    ...change,
  };
}

async function startProcess(main: string, config: unknown) {
  const child = spawn(process.execPath, [main], { stdio: ['pipe', 'pipe', 'pipe'] });
  children.push(child);
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const firstLine = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    void ended.then((code) => reject(new Error(`ended with ${code}: ${log.join('\n')}`)));
  });
  firstLine.catch(() => {
    // Only tests that wait for the line care.
  });
  child.stdin.write(`${typeof config === 'string' ? config : JSON.stringify(config)}\n`);
  return { child, log, ended, firstLine };
}

async function serve(change: Partial<DataPlaneConfig> = {}) {
  const started = await startProcess(MAIN, configuration(change));
  return { ...started, ready: dataPlaneReady.parse(JSON.parse(await started.firstLine)) };
}

const authorized = () => ({ headers: { authorization: `Bearer ${apiKey}` } });

test('it serves the public surface and the internal one, and drains on SIGTERM', async () => {
  const { ready, child, ended, log } = await serve();
  expect(ready.isolation).toBe('none');
  expect((await fetch(`${ready.url}/readyz`)).status).toBe(200);
  const list = await fetch(`${ready.url}/v1/sessions`, authorized());
  // It serves without the control plane; a key that it has never met is another matter.
  expect(list.status).toBe(503);
  expect(list.headers.get('retry-after')).not.toBeNull();
  expect(await list.json()).toMatchObject({ error: 'control_unavailable' });
  const metrics = await (await fetch(`${ready.internal_url}/metrics`)).text();
  expect(metrics).toContain('karta_turns{state="running"} 0');
  expect((await fetch(`${ready.url}/metrics`)).status).toBe(404);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
  const said = log.join('\n');
  for (const secret of [
    token,
    apiKey,
    planeKey.d,
    new URL(db.applicationUrl.replace('@/', '@x/')).password,
  ]) {
    expect(said).not.toContain(secret);
  }
});

test('it ends by itself when its parent is gone', async () => {
  const { child, ended } = await serve();
  child.stdin?.end();
  expect(await ended).toBe(0);
});

test('a Ctrl-C of the terminal is left to the parent', async () => {
  const { child, ready, ended } = await serve();
  child.kill('SIGINT');
  expect((await fetch(`${ready.url}/healthz`)).status).toBe(200);
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});

test.each([
  ['no JSON: postgres://u:secret-word@h', /not JSON/],
  [{ port: 'http' }, /\/port/],
  [{ database_url: 'mysql://u:secret-word@h/d' }, /\/database_url: must be a PostgreSQL URL/],
  [{ surprise: 1 }, /surprise/],
])('a configuration it cannot use ends it with code 2 and what is wrong: %j', async (bad, said) => {
  const config = typeof bad === 'string' ? bad : { ...(configuration() as object), ...bad };
  const { ended, log } = await startProcess(MAIN, config);
  expect(await ended).toBe(2);
  expect(log.join('\n')).toMatch(said);
  expect(log.join('\n')).not.toContain('secret-word');
});

test('a taken port is said, and nothing is left running', async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { ended, log } = await startProcess(MAIN, configuration({ port }));
  expect(await ended).toBe(1);
  expect(log.join('\n')).toContain(`Port ${port} on 127.0.0.1 is taken`);
  await new Promise((resolve) => taken.close(resolve));
});
