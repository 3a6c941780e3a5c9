import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Karta } from '@karta/sdk';
import { afterAll, describe, expect, test } from 'vitest';
import { hasDebianPostgres, startDebianPostgres } from './debian-postgres.ts';
import { cleanEnvironment, example, KARTA, karta, temporaryHome } from './karta-process.ts';

/** `karta serve <part>` as a process, ready. */
async function servePart(
  part: 'control' | 'data' | 'doors',
  home: string,
  env: Record<string, string>,
  args: readonly string[] = [],
): Promise<{ child: ChildProcess; ready: Record<string, string> } & AsyncDisposable> {
  const child = spawn(process.execPath, [KARTA, 'serve', part, '--home', home, '--json', ...args], {
    env: cleanEnvironment(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  let words = '';
  child.stderr.on('data', (chunk) => {
    words += chunk;
  });
  const line = once(createInterface({ input: child.stdout }), 'line');
  const first = await Promise.race([line, exited.then(() => null)]);
  const ready = first === null ? null : JSON.parse(String(first[0]));
  if (ready?.ready !== true) throw new Error(`serve ${part}: ${JSON.stringify(ready)} ${words}`);
  return {
    child,
    ready,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function printKey(
  plane: 'control' | 'data' | 'doors',
  home: string,
  file: string,
): Promise<string> {
  const { stdout, stderr, code } = await karta(['plane-key', plane], { home });
  if (code !== 0) throw new Error(stderr);
  await writeFile(file, stdout);
  return file;
}

describe.skipIf(!hasDebianPostgres)('the parts run apart, on PostgreSQL 15', () => {
  const cleanup = new AsyncDisposableStack();
  afterAll(() => cleanup.disposeAsync());

  test('a folder is deployed on the one plane and answers on the other', async () => {
    const postgres = cleanup.use(await startDebianPostgres());
    const work = await mkdtemp(join(tmpdir(), 'karta-apart-'));
    cleanup.defer(() => rm(work, { recursive: true, force: true }));
    const control = cleanup.use(await temporaryHome());
    const data = cleanup.use(await temporaryHome());
    const person = cleanup.use(await temporaryHome());
    const controlKey = await printKey('control', control.path, join(work, 'control.json'));
    const dataKey = await printKey('data', data.path, join(work, 'data.json'));
    const doorsKey = await printKey('doors', data.path, join(work, 'doors.json'));

    const [controlInternal, dataInternal] = await twoPorts();
    const KARTA_CONTROL = `http://127.0.0.1:${controlInternal}=${controlKey}`;
    const doors = await servePart('doors', data.path, { KARTA_CONTROL });
    cleanup.use(doors);
    const dataPlane = await servePart(
      'data',
      data.path,
      {
        KARTA_DATA_DATABASE_URL: postgres.appUrl('karta_data'),
        KARTA_DATA_DATABASE_OWNER_URL: postgres.ownerUrl('karta_data'),
        KARTA_INTERNAL_PORT: String(dataInternal),
        KARTA_CONTROL,
      },
      ['--port', '0', '--warm', '0'],
    );
    cleanup.use(dataPlane);
    const controlPlane = await servePart(
      'control',
      control.path,
      {
        KARTA_CONTROL_DATABASE_URL: postgres.appUrl('karta_control'),
        KARTA_CONTROL_DATABASE_OWNER_URL: postgres.ownerUrl('karta_control'),
        KARTA_CONTROL_INTERNAL_PORT: String(controlInternal),
        KARTA_NODES: `http://127.0.0.1:${dataInternal}=${dataKey}=${doorsKey}`,
      },
      ['--port', '0'],
    );
    cleanup.use(controlPlane);

    const types = async (args: readonly string[], input = '') => {
      const { code, stdout, stderr } = await karta(args, { home: person.path, input });
      if (code !== 0) throw new Error(`karta ${args.join(' ')} → ${code}: ${stdout}${stderr}`);
      return stdout.trim();
    };
    const where = ['--url', controlPlane.ready.control_url ?? '', '--email', 'eve@example.com'];
    await types(['login', ...where, '--sign-up', '--name', 'Eve'], 'a long enough password\n');
    await types(['orgs', 'create', 'apart']);
    await types(['deploy', example('support-bot')]);
    const apiKey = await types(['keys', 'create', 'backend']);
    const { sessions } = new Karta({ apiKey, baseUrl: dataPlane.ready.url });
    const session = await sessions.create();
    expect((await session.send('When are you open?')).text).toContain('Tuesday to Friday');
    expect(await types(['audit', 'verify'])).toContain('events hold');

    // Without the control plane, what was known lately goes on.
    await controlPlane[Symbol.asyncDispose]();
    expect((await session.send('Do you sell decaf?')).text).toContain('Embers Out');
  });
});

describe('a part that is told too little', () => {
  test('does not start, and says what to set', async () => {
    await using home = await temporaryHome();
    const without = await karta(['serve', 'data', '--port', '0'], { home: home.path });
    expect(without.code).toBe(2);
    expect(without.stderr).toContain('KARTA_CONTROL does not name one control plane');
    const open = await karta(['serve', 'control', '--port', '0'], {
      home: home.path,
      env: { KARTA_INTERNAL_HOST: '0.0.0.0' },
    });
    expect(open.code).toBe(2);
    expect(open.stderr).toContain('KARTA_INTERNAL_HOSTS is not set');
    const wrong = await karta(['serve', 'control', '--port', '0'], {
      home: home.path,
      env: { KARTA_NODES: `http://127.0.0.1:1=${join(home.path, 'none.json')}=none` },
    });
    expect(wrong.stderr).toContain('cannot be read (ENOENT)');
  });
});

async function twoPorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()];
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ports.push((server.address() as { port: number }).port);
  }
  for (const server of servers) {
    server.close();
    await once(server, 'close');
  }
  return [ports[0] ?? 0, ports[1] ?? 0];
}
