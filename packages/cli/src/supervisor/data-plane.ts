import { setTimeout as delay } from 'node:timers/promises';
import { isolation } from '@karta/protocol';
import { z } from 'zod';
import { type Child, type ChildEnd, endText, startChild } from './child.ts';
import { childEnvironment } from './child-environment.ts';
import { type Doors, mainOf } from './doors.ts';
import { restartWait } from './restart-budget.ts';
import type { ServeSettings } from './settings.ts';

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
  runtimeFolder: string;
  databaseUrl: string;
  doors: Doors;
  allowUnsandboxed: boolean;
  environment: Readonly<Record<string, string | undefined>>;
  /** Secrets that applications may see in their sandboxes, by name. */
  exposedSecrets: Readonly<Record<string, string>>;
  poolSize: number;
  log: (line: string) => void;
  notice: (message: string) => void;
}

/** The data plane, which is started again when it ends unexpectedly: its sessions resume. */
export interface DataPlane {
  url: string;
  /** Metrics and health, on loopback. */
  internalUrl: string;
  isolation: Ready['isolation'];
  /** Resolves with the reason when it ended so often that restarting does not help. */
  gaveUp: Promise<string>;
  stop(): Promise<void>;
  kill(): void;
}

export async function startDataPlane(start: DataPlaneStart): Promise<DataPlane> {
  const { settings } = start;
  let child = await launch(start, { port: settings.port, internal: settings.internalPort });
  const { isolation: rung, internal_url: internalUrl } = child.ready;
  const url = announcedUrl(child.ready.url);
  // Clients know the addresses: a restart must take the same ports, also when any were asked for.
  const ports = { port: portIn(url), internal: portIn(internalUrl) };
  let stopping = false;

  async function keepRunning(): Promise<string> {
    const ends: number[] = [];
    for (;;) {
      const end = await child.ended;
      if (stopping) return never();
      ends.push(performance.now());
      const wait = restartWait(ends);
      if (wait === null) return `the data plane ended too often, last by ${lastWords(end)}`;
      start.notice(`The data plane ended unexpectedly (${lastWords(end)}); starting it again.`);
      await delay(wait);
      if (stopping) return never();
      try {
        child = await launch(start, ports);
      } catch (error) {
        return `the data plane could not be started again: ${(error as Error).message}`;
      }
      if (stopping) {
        await child.stop();
        return never();
      }
      start.notice('The data plane serves again.');
    }
  }

  return {
    url,
    internalUrl,
    isolation: rung,
    gaveUp: keepRunning(),
    stop: async () => {
      stopping = true;
      await child.stop();
    },
    kill: () => {
      stopping = true;
      child.kill();
    },
  };
}

/** `http://localhost:8000` for a server on loopback: what people type, and what browsers trust. */
export function announcedUrl(url: string): string {
  return url.replace('//127.0.0.1:', '//localhost:');
}

function portIn(url: string): number {
  return Number(new URL(url).port);
}

interface Ports {
  port: number;
  internal: number;
}

function launch(start: DataPlaneStart, { port, internal }: Ports): Promise<Child<Ready>> {
  const { settings, doors } = start;
  return startChild(
    {
      name: 'data plane',
      main: mainOf('@karta/data-plane'),
      configuration: {
        home: settings.home,
        runtime_dir: start.runtimeFolder,
        host: settings.host,
        port,
        internal_port: internal,
        database_url: start.databaseUrl,
        doors: { management_socket: doors.managementSocket, token: doors.token },
        sandbox: settings.sandbox,
        pool_size: start.poolSize,
        drain_ms: DRAIN_MS,
        allow_unsandboxed: start.allowUnsandboxed,
        trusted_proxies: start.environment.KARTA_TRUSTED_PROXIES ?? '',
        environment: start.exposedSecrets,
      },
      log: start.log,
      drainMs: DRAIN_MS,
      // Harnesses that a person installed into this home are looked for there.
      environment: { ...childEnvironment(), KARTA_HOME: settings.home },
    },
    (line) => readyLine.parse(line),
  );
}

function lastWords(end: ChildEnd): string {
  const words = end.lastLines.at(-1);
  return words === undefined || words === '' ? endText(end) : `${endText(end)}: ${words}`;
}

/** A stop that was asked for is no failure: nobody is told of it. */
function never(): Promise<string> {
  return new Promise(() => undefined);
}
