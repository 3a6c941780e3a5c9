import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Harness, ModelAccess } from '@karta/harness';
import { KartaError } from '@karta/protocol';
import {
  chooseDriver,
  type FileList,
  ReaderError,
  type SandboxDriver,
  type WantedDriver,
} from '@karta/sandbox';
import type { Release } from '../../control/port.ts';
import { exposedSecrets } from '../../releases/env-values.ts';
import { createReleaseLoader, type LoadedRelease } from '../../releases/load-release.ts';
import { injectedSecrets } from '../doors/egress-hosts.ts';
import { RUNNER_LIMITS } from '../limits.ts';
import { startFault } from './faults.ts';
import { LocalMachine } from './local-machine.ts';
import type { BootOrder, HostSupport, Machine, MachineHost, ReleaseFacts } from './machine-port.ts';
import { modelDefaults } from './model-defaults.ts';

export interface LocalHostParts {
  home: string;
  harnesses: readonly Harness[];
  /** Short folder for sockets. */
  runtimeDir: string;
  sandbox: WantedDriver;
}

/** Files of a release told at once; the reader's own limit. */
const MAX_LIST = 1000;

/** The name under which a sandbox finds its way to the model. */
const MODEL_OFFER = 'model';

/** A machine host in this thread. */
export function createLocalHost(parts: LocalHostParts): MachineHost {
  const load = createReleaseLoader(parts.home, parts.harnesses);
  const machines = new Set<Machine>();
  let chosen: SandboxDriver | null = null;
  let stopped = false;

  function driver(): SandboxDriver {
    if (chosen === null) throw new Error('the machine host is not started');
    return chosen;
  }

  return {
    async start(): Promise<HostSupport> {
      const choice = await chooseDriver(parts.sandbox, parts).catch((cause: unknown) => {
        throw startFault(cause);
      });
      await choice.driver.reap();
      chosen = choice.driver;
      const notes = choice.rungs.flatMap(({ support }) => [...support.notes, ...support.problems]);
      return { isolation: chosen.isolation, notes };
    },

    async describe(release): Promise<ReleaseFacts> {
      const loaded = await load(release);
      const { agents, skills } = loaded.detection;
      const { capabilities } = loaded.harness;
      const secrets = exposedSecrets(loaded.toml);
      const memoryBytes = memoryOf(release, loaded);
      return { agents, skills, capabilities, memoryBytes, secrets };
    },

    async boot(order): Promise<Machine> {
      const loaded = await load(order.release);
      try {
        const machine = new LocalMachine({
          ...(await bootSandbox(driver(), order, loaded)),
          harness: loaded.harness,
          env: order.env,
        });
        if (stopped) {
          await machine.dispose();
          throw new KartaError('shutting_down', undefined, { retryAfter: 5 });
        }
        machines.add(machine);
        void machine.ended.then(() => machines.delete(machine));
        return machine;
      } catch (cause) {
        throw startFault(cause);
      }
    },

    async releaseFiles(release, prefix): Promise<FileList> {
      const { entries } = await load(release);
      const modified_at = release.createdAt.toISOString();
      const files = entries
        .filter((entry) => entry.kind !== 'directory' && entry.path.startsWith(prefix))
        .map((entry): FileList['files'][number] => ({
          path: entry.path,
          size: entry.kind === 'file' ? entry.size : 0,
          modified_at,
          kind: entry.kind === 'file' ? 'file' : 'link',
        }));
      return { files: files.slice(0, MAX_LIST), truncated: files.length > MAX_LIST };
    },

    async releaseFile(release, path) {
      const { path: tree, entries } = await load(release);
      const entry = entries.find((known) => known.path === path);
      if (entry === undefined) throw new ReaderError('not_found', `there is no ${path}`);
      if (entry.kind !== 'file') throw new ReaderError('not_a_file', `${path} is no file`);
      return { size: entry.size, body: createReadStream(join(tree, path)) };
    },

    volumes: () => driver().volumes(),
    destroyVolume: (volumeId) => driver().destroyVolume(volumeId),

    async stop() {
      stopped = true;
      await Promise.all([...machines].map((machine) => machine.dispose()));
    },
    close: async () => undefined,
  };
}

/** Without a network of its own a sandbox cannot be led to the door that adds the secret. */
const NO_INJECTION =
  'The release has secrets added to requests ([network] inject), and nothing on this server isolates ' +
  'its network. Install bubblewrap, or take inject out.';

async function bootSandbox(driver: SandboxDriver, order: BootOrder, loaded: LoadedRelease) {
  const { app, detection, harness } = loaded;
  const { release } = order;
  const setup = { app, detection, model: modelAccess(release, order) };
  const provision = harness.provision(setup);
  if (driver.isolation === 'none' && injectedSecrets(release.config.networkAllow).length > 0) {
    throw new KartaError('harness_failed', NO_INJECTION);
  }
  const { diskMb, cpus } = release.config;
  const sandbox = await driver.create({
    id: order.sandboxId,
    org: release.orgId,
    volumeId: order.volumeId,
    release: loaded.path,
    protectedPaths: provision.protectedPaths,
    tools: provision.tools,
    files: provision.files,
    offers: [{ name: MODEL_OFFER, socket: order.channel.socketPath }],
    hosts: order.hosts,
    listens: provision.listens,
    limits: {
      memoryBytes: memoryOf(release, loaded),
      pids: RUNNER_LIMITS.pids,
      cpus: cpus ?? RUNNER_LIMITS.cpus,
      diskBytes: diskMb === null ? RUNNER_LIMITS.diskBytes : diskMb * 1024 * 1024,
    },
  });
  return { sandbox, setup };
}

function modelAccess(
  release: Release,
  order: Pick<BootOrder, 'families' | 'chatProvider'> & { channel: { credential: string } },
): ModelAccess {
  return {
    offer: MODEL_OFFER,
    credential: order.channel.credential,
    families: order.families,
    chatProvider: order.chatProvider ?? null,
    defaults: modelDefaults(release.config.modelDefault, order.families),
  };
}

function memoryOf(release: Release, { app, detection, harness }: LoadedRelease): number {
  const { memoryMb } = release.config;
  if (memoryMb !== null) return memoryMb * 1024 * 1024;
  const { families } = harness.capabilities;
  const model = modelAccess(release, { channel: { credential: '' }, families });
  return harness.provision({ app, detection, model }).memoryBytes;
}
