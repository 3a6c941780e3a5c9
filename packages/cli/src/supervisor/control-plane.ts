import { loopbackSurface, type PlaneKeys, publicHalf } from '@karta/service/plane-auth';
import { z } from 'zod';
import { type Child, startChild } from './child.ts';
import { mainOf } from './doors.ts';
import { type KeptChild, keepRunning } from './keep-running.ts';
import { announcedUrl, portIn } from './local-url.ts';
import type { ServeSettings } from './settings.ts';

/** How long requests in flight may go on after a stop was asked for. In milliseconds. */
const DRAIN_MS = 5_000;

const readyLine = z.object({ ready: z.literal(true), url: z.url(), internal_url: z.url() });
type Ready = z.infer<typeof readyLine>;

export interface ControlPlaneStart {
  settings: ServeSettings;
  keys: PlaneKeys;
  /** Where the data plane listens for this one. */
  dataInternalPort: number;
  databaseUrl: string;
  environment: Readonly<Record<string, string | undefined>>;
  log: (line: string) => void;
  notice: (message: string) => void;
}

/** The control plane, which is started again when it ends unexpectedly. */
export interface ControlPlane extends Omit<KeptChild<Ready>, 'ready'> {
  url: string;
  /** `/v1/internal/*`, health and metrics, on loopback. */
  internalUrl: string;
}

export async function startControlPlane(start: ControlPlaneStart): Promise<ControlPlane> {
  const { ready, ...kept } = await keepRunning<Ready>(
    (first) => launch(start, first),
    start.notice,
  );
  return { ...kept, url: announcedUrl(ready.url), internalUrl: ready.internal_url };
}

function launch(start: ControlPlaneStart, first: Ready | null): Promise<Child<Ready>> {
  const { settings } = start;
  return startChild(
    {
      name: 'control plane',
      main: mainOf('@karta/control-plane'),
      configuration: {
        home: settings.home,
        host: settings.host,
        port: first === null ? settings.controlPort : portIn(first.url),
        internal: loopbackSurface(
          first === null ? settings.controlInternalPort : portIn(first.internal_url),
        ),
        plane_key: start.keys.control,
        nodes: [
          {
            internal_url: `http://127.0.0.1:${start.dataInternalPort}`,
            key: publicHalf(start.keys.data),
          },
        ],
        database_url: start.databaseUrl,
        drain_ms: DRAIN_MS,
        trusted_proxies: start.environment.KARTA_TRUSTED_PROXIES ?? '',
      },
      log: start.log,
      drainMs: DRAIN_MS,
    },
    (line) => readyLine.parse(line),
  );
}
