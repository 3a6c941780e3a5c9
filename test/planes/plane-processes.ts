import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { provisionDatabase, startPostgres } from '@karta/postgres';
import { readCredentials } from '@karta/service/home';
import { loopbackSurface, type PlaneKeys, planeKeys, publicHalf } from '@karta/service/plane-auth';
import { freePort } from './two-planes.ts';

export type PartName = 'control' | 'data' | 'doors';

/** Control plane, data plane and doors as processes of their own, which can be killed. */
export interface PlaneProcesses {
  home: string;
  apiKey: string;
  url: string;
  operatorUrl: string;
  /** Of the internal surfaces themselves. */
  internalUrls: { control: string; data: string };
  /** What they are configured to sign with. */
  keys: PlaneKeys;
  managementSocket: string;
  managementToken: string;
  /** Hears of each request of the control plane to the data plane, before and after it is served. */
  onInternal: ((path: string, when: 'before' | 'after', body: string) => Promise<void>) | null;
  /** At once, and forever: `SIGKILL`. */
  kill(part: PartName): Promise<void>;
  start(part: PartName): Promise<void>;
  stop(): Promise<void>;
}

const mainOf = (name: string) => join(import.meta.dirname, '../../packages', name, 'src/main.ts');
const MAINS = {
  control: mainOf('control-plane'),
  data: mainOf('data-plane'),
  doors: mainOf('doors'),
};

/** The doors give up root where the tests are root, as `karta serve` has it. */
const DOORS_UID = process.getuid?.() === 0 ? { run_as_uid: 60_578 } : {};

/** `overlapMs`: how long a former key between the planes counts. */
export async function startPlaneProcesses(overlapMs: number): Promise<PlaneProcesses> {
  const home = await mkdtemp(join(tmpdir(), 'karta-parts-'));
  const nodeHome = join(home, 'node');
  const runtimeDir = await mkdtemp(join(tmpdir(), 'kp-'));
  await mkdir(nodeHome);
  // Who gives up root reaches its own folder below.
  await chmod(runtimeDir, 0o711);
  const postgres = await startPostgres({ home });
  const databases = {
    control: await provisionDatabase(postgres, 'karta_control'),
    data: await provisionDatabase(postgres, 'karta_data'),
  };
  const keys = await planeKeys(home);
  const [control, data, publicData, operator] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const loopback = (port: number) => `http://127.0.0.1:${port}`;
  const managementToken = randomBytes(16).toString('hex');
  const managementSocket = join(runtimeDir, 'doors', 'management.sock');
  const between = createServer(async (request, response) => {
    const body = await textOf(request);
    const path = request.url ?? '';
    await parts.onInternal?.(path, 'before', body);
    const { method, headers } = request;
    const onward = send(
      { port: data, host: '127.0.0.1', method, path, headers },
      async (answer) => {
        const text = await textOf(answer).catch(() => null);
        await parts.onInternal?.(path, 'after', body);
        if (text === null) response.destroy();
        else response.writeHead(answer.statusCode ?? 500, answer.headers).end(text);
      },
    );
    onward.on('error', () => response.destroy());
    onward.end(body);
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');

  const configurations: Record<PartName, object> = {
    control: {
      home,
      host: '127.0.0.1',
      port: 0,
      internal: loopbackSurface(control),
      plane_key: keys.control,
      plane_key_overlap_ms: overlapMs,
      nodes: [
        {
          internal_url: loopback((between.address() as AddressInfo).port),
          key: publicHalf(keys.data),
          doors_key: publicHalf(keys.doors),
        },
      ],
      database_url: databases.control.applicationUrl,
      database_owner_url: databases.control.ownerUrl,
      drain_ms: 0,
      first_org: {},
      operator: { port: operator },
    },
    data: {
      home: nodeHome,
      runtime_dir: runtimeDir,
      host: '127.0.0.1',
      port: publicData,
      internal: loopbackSurface(data),
      control: {
        internal_url: loopback(control),
        key: keys.data,
        public_key: publicHalf(keys.control),
        // What is not known now must be asked for now.
        stale_auth_ms: 0,
      },
      database_url: databases.data.applicationUrl,
      database_owner_url: databases.data.ownerUrl,
      doors: { management_socket: managementSocket, token: managementToken },
      sandbox: 'none',
      pool_size: 0,
      drain_ms: 0,
      allow_unsandboxed: false,
    },
    doors: {
      runtime_dir: join(runtimeDir, 'doors'),
      journal_dir: join(home, 'doors', 'usage'),
      keys_dir: join(home, 'doors', 'keys'),
      management_socket: managementSocket,
      management_token: managementToken,
      upstreams: [{ id: 'demo' }],
      control: { internal_url: loopback(control), key: keys.doors },
      metrics_port: null,
      ...DOORS_UID,
    },
  };
  const running = new Map<PartName, ChildProcess>();

  async function start(part: PartName): Promise<void> {
    const child = spawn(process.execPath, [MAINS[part]], { stdio: ['pipe', 'pipe', 'pipe'] });
    running.set(part, child);
    let logged = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      logged += text;
      if (process.env.KARTA_TEST_LOG) process.stderr.write(text);
    });
    child.stdin.write(`${JSON.stringify(configurations[part])}\n`);
    const line = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line').then(() => true),
      once(child, 'exit').then(() => false),
    ]);
    if (!line) throw new Error(`${part} did not start: ${logged}`);
  }

  async function kill(part: PartName): Promise<void> {
    const child = running.get(part);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  const parts: PlaneProcesses = {
    home,
    apiKey: '',
    url: loopback(publicData),
    operatorUrl: `http://localhost:${operator}`,
    internalUrls: { control: loopback(control), data: loopback(data) },
    keys,
    managementSocket,
    managementToken,
    onInternal: null,
    kill,
    start,
    async stop() {
      for (const part of running.keys()) await kill(part);
      between.closeAllConnections();
      between.close();
      await postgres.stop();
      await rm(home, { recursive: true, force: true });
      await rm(runtimeDir, { recursive: true, force: true });
    },
  };
  await Promise.all([start('doors'), start('control')]);
  await start('data');
  parts.apiKey = (await readCredentials(home))?.api_key ?? '';
  return parts;
}

async function textOf(stream: IncomingMessage): Promise<string> {
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) text += chunk;
  return text;
}
