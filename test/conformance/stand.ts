import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { Harness } from '@karta/harness';
import type { WireFamily } from '@karta/protocol';
import type { Reader, Sandbox, SandboxDriver, SandboxProcess } from '@karta/sandbox';
import { type StartedDoors, startDoors } from '../../packages/doors/src/testing/index.ts';
import { readAppFolder } from '../../packages/harness/src/app/index.ts';
import {
  type BootOptions,
  type ConformanceKit,
  type Dialect,
  type Fixture,
  type Stand,
  TRAP_URL,
} from '../../packages/harness/src/conformance/index.ts';

const FIXTURES = fileURLToPath(
  new URL('../../packages/harness/src/conformance/fixtures', import.meta.url),
);
/** Node inside the sandbox, for the fixture's MCP server. */
const NODE_INSIDE = '/opt/karta/test/bin/node';
const MODEL = 'model';

export interface KitOptions {
  harness: Harness;
  dialect: Dialect;
  driver(root: { home: string; runtimeDir: string }): SandboxDriver;
  reader(sandbox: Sandbox): Promise<Reader>;
  protects: boolean;
  /** Wire families that the model is offered in; default both. */
  families?: readonly WireFamily[];
}

/** The suite's kit on a real doors process with the demo model, and a real sandbox driver. */
export async function createKit(options: KitOptions): Promise<ConformanceKit> {
  const root = await mkdtemp(join(tmpdir(), 'kc-'));
  // The user of a sandbox must be able to pass.
  await chmod(root, 0o755);
  const home = join(root, 'home');
  const runtimeDir = join(root, 'run');
  await mkdir(home, { mode: 0o700 });
  await mkdir(runtimeDir, { mode: 0o700 });
  const trap = await openTrap();
  const doors = await startDoors();
  const driver = options.driver({ home, runtimeDir });
  const releases = new Map<Fixture, Promise<string>>();
  let serial = 0;

  return {
    harness: options.harness,
    dialect: options.dialect,
    protects: options.protects,
    trapped: trap.connections,
    async boot(boot) {
      serial += 1;
      const release = releases.get(boot.fixture) ?? materialise(options.harness, root, boot, trap);
      releases.set(boot.fixture, release);
      return bootStand({ ...options, driver, doors, serial, release: await release }, boot);
    },
    async close() {
      await doors.stop();
      await trap.close();
      for (const volume of await driver.volumes()) await driver.destroyVolume(volume);
      await rm(root, { recursive: true, force: true });
    },
  };
}

interface BootParts extends Omit<KitOptions, 'driver'> {
  driver: SandboxDriver;
  doors: StartedDoors;
  serial: number;
  release: string;
}

async function bootStand(parts: BootParts, options: BootOptions): Promise<Stand> {
  const { harness, dialect, driver, doors, serial, release } = parts;
  const id = `sbx_${process.pid}_${serial}`;
  const volume = options.volume ?? `vol_${process.pid}_${serial}`;
  const sessionId = `sess_${serial}`;
  const channel = await doors.management.openChannel({
    channel_id: id,
    org_id: 'org_1',
    project_id: 'proj_1',
    session_id: options.warm ? null : sessionId,
    mode: options.warm ? 'parked' : 'live',
  });
  // All its turns are one to the doors: a call that has none waits for one.
  const openAny = () => doors.management.openTurn(id, 'turn_any');
  await openAny();
  const app = await readAppFolder(release);
  const setup = {
    app,
    detection: harness.detect(app),
    model: {
      offer: MODEL,
      credential: channel.credential,
      families: parts.families ?? ['anthropic', 'openai'],
      defaults: { anthropic: 'claude-demo', openai: 'gpt-demo' },
    },
  };
  const provision = harness.provision(setup);
  const sandbox = await driver.create({
    id,
    org: 'org_1',
    volumeId: volume,
    release,
    protectedPaths: provision.protectedPaths,
    tools: [...provision.tools, { source: process.execPath, target: NODE_INSIDE }],
    files: provision.files,
    offers: [{ name: MODEL, socket: channel.socket_path }],
    listens: provision.listens,
    limits: { memoryBytes: provision.memoryBytes, pids: 512, cpus: 2, diskBytes: 512 * 2 ** 20 },
  });
  const spawned: SandboxProcess[] = [];
  const dialled = new Set<Duplex>();
  const watched = watchSandbox(sandbox, spawned, dialled);
  let ended: Promise<void> | null = null;
  const end = async () => {
    await sandbox.dispose();
    await doors.management.closeChannel(id);
  };
  try {
    const session = await harness.open({
      ...setup,
      sandbox: watched,
      resumeId: options.resumeId ?? null,
      env: { ...dialect.env, PATH: `${dirname(sandbox.place(NODE_INSIDE))}:/usr/bin:/bin` },
      warm: options.warm ?? false,
    });
    let turns = 0;
    return {
      session,
      volume,
      reader: () => parts.reader(sandbox),
      claim: () => doors.management.claim(id, sessionId),
      async metered(work) {
        turns += 1;
        const turnId = `turn_${serial}_${turns}`;
        await doors.management.openTurn(id, turnId);
        const result = await work();
        const { usage, calls } = await doors.management.closeTurn(id, turnId);
        await openAny();
        return { result, usage, calls };
      },
      killHarness: () => spawned.at(-1)?.kill('SIGKILL'),
      cutConnections: () => {
        for (const stream of dialled) stream.destroy();
        dialled.clear();
      },
      end: () => {
        ended ??= session.close().then(end);
        return ended;
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The same sandbox, but what is spawned in it and dialled into it can be found. */
function watchSandbox(sandbox: Sandbox, spawned: SandboxProcess[], dialled: Set<Duplex>): Sandbox {
  const own: Partial<Sandbox> = {
    spawn(command) {
      const child = sandbox.spawn(command);
      spawned.push(child);
      return child;
    },
    async dial(name) {
      const stream = await sandbox.dial(name);
      dialled.add(stream);
      return stream;
    },
  };
  return new Proxy(sandbox, {
    get(target, name) {
      const replaced: unknown = Reflect.get(own, name);
      if (replaced !== undefined) return replaced;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** A fixture as a release: its own files, the shared ones, and the trap's real address. */
async function materialise(
  harness: Harness,
  root: string,
  { fixture }: BootOptions,
  trap: { url: string },
): Promise<string> {
  const release = join(root, `release-${fixture}`);
  await cp(join(FIXTURES, 'shared'), release, { recursive: true });
  await cp(join(FIXTURES, harness.id, fixture), release, { recursive: true });
  for (const entry of await readdir(release, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, 'utf8');
    if (text.includes(TRAP_URL)) await writeFile(path, text.replaceAll(TRAP_URL, trap.url));
  }
  return release;
}

/** A server that counts who connects. */
async function openTrap(): Promise<{
  url: string;
  connections: () => number;
  close(): Promise<void>;
}> {
  let count = 0;
  const server = createServer((socket) => {
    count += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    connections: () => count,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
