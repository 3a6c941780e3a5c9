import { isolation } from '@karta/protocol';
import type { InternalSurface, PlanePrivateKey, PlanePublicKey } from '@karta/service/plane-auth';
import { z } from 'zod';
import { type Child, SMALL_YOUNG_SPACE, startChild } from './child.ts';
import { childEnvironment } from './child-environment.ts';
import { type Doors, mainOf } from './doors.ts';
import { type KeptChild, keepRunning } from './keep-running.ts';
import { announcedUrl, portIn } from './local-url.ts';
import type { ServeSettings } from './settings.ts';
import { staleAuth } from './stale-auth.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How long running turns may go on after a stop was asked for. In milliseconds. */
const DRAIN_MS = 10_000;

const readyLine = z.object({
  ready: z.literal(true),
  url: z.url(),
  internal_url: z.url(),
  isolation,
});
type Ready = z.infer<typeof readyLine>;

export interface DataPlaneStart {
  settings: ServeSettings;
  /** Where the control plane speaks to it. */
  internal: InternalSurface;
  control: { internal_url: string; key: PlanePrivateKey; public_key: PlanePublicKey };
  runtimeFolder: string;
  databaseUrl: string;
  doors: Pick<Doors, 'managementSocket' | 'token'>;
  allowUnsandboxed: boolean;
  environment: Environment;
  poolSize: number;
  log: (line: string) => void;
  notice: (message: string) => void;
}

/** The data plane, which is started again when it ends unexpectedly: its sessions resume. */
export interface DataPlane extends Omit<KeptChild<Ready>, 'ready'> {
  url: string;
  /** Metrics and health, on loopback. */
  internalUrl: string;
  isolation: Ready['isolation'];
}

export async function startDataPlane(start: DataPlaneStart): Promise<DataPlane> {
  const { ready, ...kept } = await keepRunning<Ready>(
    (first) => launch(start, first),
    start.notice,
  );
  return {
    ...kept,
    url: announcedUrl(ready.url),
    internalUrl: ready.internal_url,
    isolation: ready.isolation,
  };
}

/**
 * Compiles what it runs at once, plainly. A turn runs most of its code once: V8 would interpret that
 * for hundreds of turns before it found it worth compiling.
 */
const COMPILED_AT_ONCE = '--always-sparkplug';

function launch(start: DataPlaneStart, first: Ready | null): Promise<Child<Ready>> {
  const { settings, doors } = start;
  return startChild(
    {
      name: 'data plane',
      main: mainOf('@karta/data-plane'),
      configuration: {
        home: settings.home,
        runtime_dir: start.runtimeFolder,
        host: settings.host,
        port: first === null ? settings.port : portIn(first.url),
        internal: start.internal,
        control: { ...start.control, ...staleAuth(start.environment) },
        database_url: start.databaseUrl,
        doors: { management_socket: doors.managementSocket, token: doors.token },
        sandbox: settings.sandbox,
        pool_size: start.poolSize,
        drain_ms: DRAIN_MS,
        allow_unsandboxed: start.allowUnsandboxed,
        trusted_proxies: start.environment.KARTA_TRUSTED_PROXIES ?? '',
        domain: start.environment.KARTA_DOMAIN || null,
      },
      log: start.log,
      drainMs: DRAIN_MS,
      engineOptions: [SMALL_YOUNG_SPACE, COMPILED_AT_ONCE],
      // Harnesses that a person installed into this home are looked for there.
      environment: { ...childEnvironment(), KARTA_HOME: settings.home },
    },
    (line) => readyLine.parse(line),
  );
}
