import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type UpstreamsAnswer, upstreamsAnswer } from '@karta/protocol';
import type { PlanePrivateKey } from '@karta/service/plane-auth';
import { z } from 'zod';
import { startChild } from './child.ts';
import { egressSettings } from './egress-settings.ts';
import { getOverSocket } from './get-over-socket.ts';
import { type KeptChild, keepRunning } from './keep-running.ts';
import { listSetting } from './list-setting.ts';
import type { Upstream } from './provider-keys.ts';
import { staleAuth } from './stale-auth.ts';

/**
 * The user that the doors run as when Karta is root. The number is in a range that Linux
 * distributions assign to nobody (systemd's table of uids, 60578 to 61183 unused).
 */
const DOORS_UID = 60_578;
const TOKEN_BYTES = 32;

const readyLine = z.object({ ready: z.literal(true), metrics_port: z.number().nullable() });

type Ready = z.infer<typeof readyLine>;

/**
 * The running doors, which are started again when they end unexpectedly, and how the data plane
 * reaches their management.
 */
export interface Doors extends Omit<KeptChild<Ready>, 'ready'> {
  managementSocket: string;
  token: string;
  upstreams: UpstreamsAnswer['upstreams'];
}

/** Starts the doors: the only process that is given provider keys. */
export async function startDoors(options: {
  home: string;
  runtimeFolder: string;
  upstreams: readonly Upstream[];
  /** Says what the egress door may reach besides public addresses, and how long answers count. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Where the control plane is, or will be, and what the doors sign with there. */
  control: { internal_url: string; key: PlanePrivateKey };
  /** Of a data plane that is started apart; by default one that is never written to disk. */
  token?: string;
  log: (line: string) => void;
  notice: (message: string) => void;
}): Promise<Doors> {
  const folder = join(options.runtimeFolder, 'doors');
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const managementSocket = managementSocketIn(options.runtimeFolder);
  const token = options.token ?? randomBytes(TOKEN_BYTES).toString('hex');
  const egress = await egressSettings(options.environment);
  const launch = (first: Ready | null) =>
    startChild(
      {
        name: 'doors',
        main: mainOf('@karta/doors'),
        configuration: {
          runtime_dir: folder,
          journal_dir: join(options.home, 'doors', 'usage'),
          keys_dir: join(options.home, 'doors', 'keys'),
          management_socket: managementSocket,
          management_token: token,
          upstreams: options.upstreams,
          control: { ...options.control, ...staleAuth(options.environment) },
          own_keys: { allow_private: listSetting(options.environment.KARTA_PROVIDER_PRIVATE) },
          egress,
          ...(process.getuid?.() === 0 ? { run_as_uid: DOORS_UID } : {}),
          metrics_port: first?.metrics_port ?? 0,
        },
        log: options.log,
        // What all sandboxes stream passes here: room for new objects is processor time.
        engineOptions: [],
      },
      (line) => readyLine.parse(line),
    );
  const { ready: _, ...kept } = await keepRunning<Ready>(launch, options.notice);
  const answer = await getOverSocket(managementSocket, '/upstreams', token);
  return { ...kept, managementSocket, token, ...upstreamsAnswer.parse(answer) };
}

/** Where the doors of a home are managed. */
export function managementSocketIn(runtimeFolder: string): string {
  return join(runtimeFolder, 'doors', 'management.sock');
}

/** The entry point of a package's process. */
export function mainOf(name: string): string {
  const index = createRequire(import.meta.url).resolve(name);
  return join(dirname(index), 'main.ts');
}
