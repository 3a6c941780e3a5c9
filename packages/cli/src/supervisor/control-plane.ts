import type { InternalSurface, PlanePrivateKey, PlanePublicKey } from '@karta/service/plane-auth';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { billingOf } from './billing-settings.ts';
import { type Child, startChild } from './child.ts';
import { mainOf } from './doors.ts';
import { type GitProcesses, startGitProcesses } from './git-processes.ts';
import { type KeptChild, keepRunning } from './keep-running.ts';
import { listSetting } from './list-setting.ts';
import { announcedUrl } from './local-url.ts';
import type { ServeSettings } from './settings.ts';

/**
 * The user that the control plane runs as when Karta is root, beside that of the doors: a number that
 * Linux distributions assign to nobody.
 */
export const CONTROL_UID = 60_579;

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
  port: number;
  operatorPort: number;
  /** Where the data planes speak to it. */
  internal: InternalSurface;
  key: PlanePrivateKey;
  /** The data planes that it speaks to. */
  nodes: readonly { internal_url: string; key: PlanePublicKey; doors_key: PlanePublicKey }[];
  databaseUrl: string;
  /** Where the processes of git are asked for, as root. */
  runtimeFolder: string;
  /** Makes the org of this home at its first start; `id` is that of one from before. */
  firstOrg: { id?: string } | null;
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
  const { runtimeFolder, log } = start;
  const root = process.getuid?.() === 0;
  const git = root ? await startGitProcesses({ runtimeFolder, user: CONTROL_UID, log }) : null;
  try {
    const { ready, ...kept } = await keepRunning<Ready>(() => launch(start, git), start.notice);
    return {
      ...kept,
      url: announcedUrl(ready.url),
      internalUrl: ready.internal_url,
      operatorUrl: ready.operator_url === null ? null : announcedUrl(ready.operator_url),
      async stop() {
        await kept.stop();
        await git?.stop();
      },
    };
  } catch (error) {
    await git?.stop();
    throw error;
  }
}

function launch(start: ControlPlaneStart, git: GitProcesses | null): Promise<Child<Ready>> {
  const { settings, environment } = start;
  return startChild(
    {
      name: 'control plane',
      main: mainOf('@karta/control-plane'),
      configuration: {
        home: settings.home,
        host: settings.host,
        port: start.port,
        internal: start.internal,
        plane_key: start.key,
        nodes: start.nodes,
        database_url: start.databaseUrl,
        drain_ms: DRAIN_MS,
        domain: environment.KARTA_DOMAIN?.toLowerCase() || null,
        trusted_proxies: environment.KARTA_TRUSTED_PROXIES ?? '',
        signup: settings.signup,
        webhooks: { allow_private: listSetting(environment.KARTA_WEBHOOK_PRIVATE) },
        provider_keys: {
          allow_private: listSetting(environment.KARTA_PROVIDER_PRIVATE),
          ...(environment.KARTA_KEK ? { kek: environment.KARTA_KEK } : {}),
        },
        operator: { port: start.operatorPort },
        ...(git === null ? {} : { run_as_uid: CONTROL_UID, git_socket: git.socket }),
        ...(start.firstOrg === null ? {} : { first_org: start.firstOrg }),
        ...usageDaysOf(environment),
        ...publicUrlOf(environment),
        ...mailOf(environment),
        ...billingOf(environment),
      },
      log: start.log,
      drainMs: DRAIN_MS,
    },
    (line) => readyLine.parse(line),
  );
}

/** `KARTA_USAGE_DAYS`: how long each model call has a row of its own. */
function usageDaysOf({ KARTA_USAGE_DAYS: text }: Environment): { usage_days?: number } {
  if (!text) return {};
  const days = Number(text);
  if (/^\d{1,5}$/.test(text) && days >= 62) return { usage_days: days };
  throw new CliError(
    'usage',
    `KARTA_USAGE_DAYS cannot be "${text}"`,
    'Give it in days, 62 or more: caps have windows of a month.',
  );
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
