import { loopbackSurface, type PlaneKeys, publicHalf } from '@karta/service/plane-auth';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { type Child, startChild } from './child.ts';
import { mainOf } from './doors.ts';
import { type KeptChild, keepRunning } from './keep-running.ts';
import { announcedUrl, portIn } from './local-url.ts';
import type { ServeSettings } from './settings.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** How long requests in flight may go on after a stop was asked for. In milliseconds. */
const DRAIN_MS = 5_000;

const readyLine = z.object({
  ready: z.literal(true),
  url: z.url(),
  internal_url: z.url(),
  operator_url: z.url().nullable().default(null),
});
type Ready = z.infer<typeof readyLine>;

export interface ControlPlaneStart {
  settings: ServeSettings;
  keys: PlaneKeys;
  /** Where the data plane listens for this one. */
  dataInternalPort: number;
  databaseUrl: string;
  /** Of the org that this home had before it had a control plane. */
  firstOrgId: string;
  environment: Environment;
  log: (line: string) => void;
  notice: (message: string) => void;
}

/** The control plane, which is started again when it ends unexpectedly. */
export interface ControlPlane extends Omit<KeptChild<Ready>, 'ready'> {
  url: string;
  /** `/v1/internal/*`, health and metrics, on loopback. */
  internalUrl: string;
  /** The operator's admin plane. */
  operatorUrl: string | null;
}

export async function startControlPlane(start: ControlPlaneStart): Promise<ControlPlane> {
  const { ready, ...kept } = await keepRunning<Ready>(
    (first) => launch(start, first),
    start.notice,
  );
  return {
    ...kept,
    url: announcedUrl(ready.url),
    internalUrl: ready.internal_url,
    operatorUrl: ready.operator_url === null ? null : announcedUrl(ready.operator_url),
  };
}

function launch(start: ControlPlaneStart, first: Ready | null): Promise<Child<Ready>> {
  const { settings, keys, environment } = start;
  const { port, internalPort, operatorPort } = portsOf(settings, first);
  return startChild(
    {
      name: 'control plane',
      main: mainOf('@karta/control-plane'),
      configuration: {
        home: settings.home,
        host: settings.host,
        port,
        internal: loopbackSurface(internalPort),
        plane_key: keys.control,
        nodes: [
          {
            internal_url: `http://127.0.0.1:${start.dataInternalPort}`,
            key: publicHalf(keys.data),
          },
        ],
        database_url: start.databaseUrl,
        drain_ms: DRAIN_MS,
        trusted_proxies: environment.KARTA_TRUSTED_PROXIES ?? '',
        signup: settings.signup,
        first_org: { id: start.firstOrgId },
        operator: { port: operatorPort },
        ...publicUrlOf(environment),
        ...mailOf(environment),
      },
      log: start.log,
      drainMs: DRAIN_MS,
    },
    (line) => readyLine.parse(line),
  );
}

/** The ports of the first start, or those asked for. */
function portsOf(settings: ServeSettings, first: Ready | null) {
  if (first === null) {
    const { controlPort: port, controlInternalPort: internalPort, operatorPort } = settings;
    return { port, internalPort, operatorPort };
  }
  return {
    port: portIn(first.url),
    internalPort: portIn(first.internal_url),
    operatorPort: first.operator_url === null ? settings.operatorPort : portIn(first.operator_url),
  };
}

function publicUrlOf({ KARTA_CONTROL_PUBLIC_URL: url }: Environment): { public_url?: string } {
  return url ? { public_url: url } : {};
}

function mailOf({ KARTA_SMTP_URL: smtp, KARTA_MAIL_FROM: from }: Environment): { mail?: object } {
  if (!smtp) return {};
  if (from) return { mail: { smtp_url: smtp, from } };
  throw new CliError(
    'usage',
    'KARTA_SMTP_URL is set, but not whom mails come from',
    'Set KARTA_MAIL_FROM, for example "Karta <karta@example.com>".',
  );
}
