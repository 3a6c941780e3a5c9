import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeOwnDatabase } from '@karta/postgres/testing';
import { readCredentials } from '@karta/service/home';
import {
  loopbackSurface,
  type PlanePrivateKey,
  planeKeys,
  publicHalf,
} from '@karta/service/plane-auth';
import pino from 'pino';
import type { z } from 'zod';
import { controlPlaneConfig } from '../../packages/control-plane/src/config.ts';
import {
  type ServedControlPlane,
  serveControlPlane,
} from '../../packages/control-plane/src/process/serve-control-plane.ts';
import { migrateControlPlane } from '../../packages/control-plane/src/sql/migrate.ts';
import { dataPlaneConfig } from '../../packages/data-plane/src/config.ts';
import {
  type ServedDataPlane,
  serveDataPlane,
} from '../../packages/data-plane/src/process/serve-data-plane.ts';
import { migrateDataPlane } from '../../packages/data-plane/src/sql/migrate.ts';
import { type StartedDoors, startDoors } from '../../packages/doors/src/testing/index.ts';

/** A control plane and a data plane with real doors and databases, in this process. */
export interface TwoPlanes {
  home: string;
  /** Of the data plane, which is told apart from the control plane's. */
  nodeHome: string;
  control: ServedControlPlane;
  data: ServedDataPlane;
  doors: StartedDoors;
  /** What the data plane signs with. */
  nodeKey: PlanePrivateKey;
  /** Of the first org, all scopes. */
  apiKey: string;
  stopData(): Promise<void>;
  /** `more` is added to its configuration. */
  startData(more?: Partial<z.input<typeof dataPlaneConfig>>): Promise<void>;
  stopControl(): Promise<void>;
  /** `more` is added to its configuration. */
  startControl(more?: Partial<z.input<typeof controlPlaneConfig>>): Promise<void>;
  stop(): Promise<void>;
}

export interface TwoPlanesOptions {
  sandbox?: 'namespace' | 'none';
  poolSize?: number;
  /** Who may sign up; whoever an operator invites unless said. */
  signup?: 'open';
  /** With the operator's admin plane. */
  operator?: boolean;
  /** Whom the doors reach; the demo model unless said. */
  doors?: Parameters<typeof startDoors>[0];
  /** A file of certificates that the doors take beside the usual ones. */
  doorsTrust?: string;
  /** The control plane's clock of budgets; the real one unless said. */
  budgetClock?: () => Date;
  /** Receives each line that the planes log. */
  logged?: (line: string) => void;
}

/** Starts both planes with a database each on the PostgreSQL that a run of tests shares. */
export async function startTwoPlanes(options: TwoPlanesOptions = {}): Promise<TwoPlanes> {
  const home = await mkdtemp(join(tmpdir(), 'karta-two-'));
  const nodeHome = join(home, 'node');
  const runtimeDir = await mkdtemp(join(tmpdir(), 'kt-'));
  await mkdir(nodeHome);
  const databases = {
    control: await makeOwnDatabase('karta_control', migrateControlPlane),
    data: await makeOwnDatabase('karta_data', migrateDataPlane),
  };
  const keys = await planeKeys(home);
  const ports = { control: await freePort(), data: await freePort() };
  // Its browsers are let in by the port that they name.
  const operatorPort = options.operator ? await freePort() : null;
  const controlUrl = `http://127.0.0.1:${ports.control}`;
  const link = { internal_url: controlUrl, key: keys.doors };
  const doors = await startDoors({ control: link, ...options.doors }, options.doorsTrust);
  const { logged } = options;
  const log =
    logged === undefined
      ? pino({ level: process.env.KARTA_TEST_LOG ?? 'silent' })
      : pino({ level: 'debug' }, { write: logged });

  const startControl = (more: Partial<z.input<typeof controlPlaneConfig>> = {}) =>
    serveControlPlane(
      controlPlaneConfig.parse({
        home,
        host: '127.0.0.1',
        port: 0,
        internal: loopbackSurface(ports.control),
        plane_key: keys.control,
        nodes: [
          {
            internal_url: `http://127.0.0.1:${ports.data}`,
            key: publicHalf(keys.data),
            doors_key: publicHalf(keys.doors),
          },
        ],
        database_url: databases.control.applicationUrl,
        database_owner_url: databases.control.ownerUrl,
        drain_ms: 1_000,
        first_org: {},
        ...(options.signup === undefined ? {} : { signup: options.signup }),
        ...(operatorPort === null ? {} : { operator: { port: operatorPort } }),
        // Endpoints of webhooks that tests serve.
        webhooks: { allow_private: ['127.0.0.1'] },
        ...(options.doors?.own_keys === undefined ? {} : { provider_keys: options.doors.own_keys }),
        ...more,
      }),
      log,
      options.budgetClock,
    );
  const startData = (more: Partial<z.input<typeof dataPlaneConfig>> = {}) =>
    serveDataPlane(
      dataPlaneConfig.parse({
        home: nodeHome,
        runtime_dir: runtimeDir,
        host: '127.0.0.1',
        port: 0,
        internal: loopbackSurface(ports.data),
        control: {
          internal_url: controlUrl,
          key: keys.data,
          public_key: publicHalf(keys.control),
        },
        database_url: databases.data.applicationUrl,
        database_owner_url: databases.data.ownerUrl,
        doors: { management_socket: doors.managementSocket, token: doors.managementToken },
        sandbox: options.sandbox ?? 'namespace',
        pool_size: options.poolSize ?? 0,
        drain_ms: 1_000,
        allow_unsandboxed: false,
        ...more,
      }),
      log,
      () => {},
    );

  const planes: TwoPlanes = {
    home,
    nodeHome,
    doors,
    nodeKey: keys.data,
    control: await startControl(),
    data: await startData(),
    apiKey: (await readCredentials(home))?.api_key ?? '',
    stopData: () => planes.data.drain(),
    async startData(more) {
      planes.data = await startData(more);
    },
    stopControl: () => planes.control.drain(),
    async startControl(more) {
      planes.control = await startControl(more);
    },
    async stop() {
      await planes.data.drain();
      await planes.control.drain();
      await doors.stop();
      await databases.data.close();
      await databases.control.close();
      await rm(home, { recursive: true, force: true });
      await rm(runtimeDir, { recursive: true, force: true });
    },
  };
  return planes;
}

/**
 * A port that nobody has, and that the kernel gives nobody by itself: below the range from which it
 * takes those of outgoing connections and of servers that ask for any.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
