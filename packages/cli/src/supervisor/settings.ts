import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Isolation } from '@karta/protocol';
import { CliError } from '../cli-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export const DEFAULT_PORT = 8000;
/** One makes the first answer of a session quick and costs the memory of one idle harness. */
const DEFAULT_WARM = 1;
const MOST_WARM = 64;
export const SANDBOX_CHOICES = ['auto', 'namespace', 'none'] as const;
export type SandboxChoice = (typeof SANDBOX_CHOICES)[number];

/** Who may sign up: everybody, whom an org invites, or whom the operator invites. */
const SIGN_UPS = ['open', 'invite', 'closed'] as const;

/** Rungs from the strongest down; `vm-emulated` runs the VM's path without a hardware boundary. */
export const RUNGS: readonly Isolation[] = ['vm', 'kernel', 'namespace', 'vm-emulated', 'none'];

/** Options as the command line gives them. */
export interface ServeOptions {
  port?: string | undefined;
  controlPort?: string | undefined;
  operatorPort?: string | undefined;
  host?: string | undefined;
  home?: string | undefined;
  sandbox?: string | undefined;
  minIsolation?: string | undefined;
  warm?: string | undefined;
}

export interface ServeSettings {
  home: string;
  host: string;
  /** 0 takes any free port. */
  port: number;
  /** Of metrics and health, on loopback; 0 takes any free port. */
  internalPort: number;
  /** Of the control plane: by default the one after `port`; 0 takes any free port. */
  controlPort: number;
  /** Of `/v1/internal/*` of the control plane, on loopback; 0 takes any free port. */
  controlInternalPort: number;
  /** Of the operator's admin plane, on loopback: by default the one after the control plane's. */
  operatorPort: number;
  /** Who may sign up: by default everybody on loopback, nobody uninvited where others reach it. */
  signup: (typeof SIGN_UPS)[number];
  sandbox: SandboxChoice;
  minIsolation: Isolation;
  /** Started sandboxes that wait for a session, per application. */
  warm: number;
}

/** `KARTA_HOME`, by default `~/.karta`, as an absolute path. */
export function homeFolder(option: string | undefined, env: Environment = process.env): string {
  return resolve(option ?? env.KARTA_HOME ?? join(homedir(), '.karta'));
}

/**
 * What a server is started with: the command line, then the environment, then the defaults. A server
 * that others can reach must isolate with a VM unless `--min-isolation` says otherwise.
 */
export function serveSettings(
  options: ServeOptions,
  env: Environment = process.env,
): ServeSettings {
  const host = options.host ?? env.KARTA_HOST ?? '127.0.0.1';
  const hosted = env.KARTA_MODE === 'hosted' || !isLoopback(host);
  const port = portOf(options.port ?? env.KARTA_PORT, DEFAULT_PORT);
  const controlPort = portOf(options.controlPort ?? env.KARTA_CONTROL_PORT, portAfter(port));
  return {
    home: homeFolder(options.home, env),
    host,
    port,
    controlPort,
    operatorPort: portOf(options.operatorPort ?? env.KARTA_OPERATOR_PORT, portAfter(controlPort)),
    internalPort: portOf(env.KARTA_INTERNAL_PORT, 0),
    controlInternalPort: portOf(env.KARTA_CONTROL_INTERNAL_PORT, 0),
    signup: choice('KARTA_SIGNUP', env.KARTA_SIGNUP || (hosted ? 'closed' : 'open'), SIGN_UPS),
    warm: warmOf(options.warm),
    sandbox: choice('--sandbox', options.sandbox ?? 'auto', SANDBOX_CHOICES),
    minIsolation: choice(
      '--min-isolation',
      options.minIsolation ?? (hosted ? 'vm' : 'none'),
      RUNGS,
    ),
  };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** Whether `actual` isolates at least as strongly as `wanted`. */
export function isolatesEnough(actual: Isolation, wanted: Isolation): boolean {
  return RUNGS.indexOf(actual) <= RUNGS.indexOf(wanted);
}

/** The port that comes with one: of a second server, 9000 and 9001; any and any. */
function portAfter(port: number): number {
  return port === 0 || port === 65_535 ? 0 : port + 1;
}

function portOf(text: string | undefined, otherwise: number): number {
  if (text === undefined || text === '') return otherwise;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new CliError('usage', `"${text}" is no port`, 'Choose a number from 0 (any) to 65535.');
}

function warmOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_WARM;
  const warm = Number(text);
  if (/^\d{1,2}$/.test(text) && warm <= MOST_WARM) return warm;
  throw new CliError('usage', `--warm cannot be "${text}"`, `Choose from 0 to ${MOST_WARM}.`);
}

function choice<T extends string>(option: string, value: string, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  throw new CliError('usage', `${option} cannot be "${value}"`, `Choose ${known.join(', ')}.`);
}
