import { statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Isolation, UpstreamsAnswer } from '@karta/protocol';
import { Karta } from '@karta/sdk';
import {
  credentialsPath,
  operatorLinkPath,
  readCredentials,
  writeCredentials,
} from '@karta/service/home';
import { loopbackSurface, planeKeys, publicHalf } from '@karta/service/plane-auth';
import { CliError } from '../cli-error.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { type DataPlane, startDataPlane } from './data-plane.ts';
import { startDatabases } from './database.ts';
import { startDoors } from './doors.ts';
import { notCarriedOver, readEarlierHome } from './earlier-home.ts';
import { lockHome } from './home-lock.ts';
import { openLog } from './log-file.ts';
import { choosePorts } from './ports.ts';
import type { Upstream } from './provider-keys.ts';
import {
  makeDefault,
  type Published,
  type PublishSettings,
  prepareFolders,
  publishAll,
} from './publish-folders.ts';
import { makeRuntimeFolder } from './runtime-folder.ts';
import { removeServerFile, writeServerFile } from './server-file.ts';
import { isolatesEnough, type ServeSettings } from './settings.ts';
import { waitUntilServed } from './wait-until-served.ts';
import { leaveNoCore } from './without-core.ts';

export interface ServerRequest {
  settings: ServeSettings;
  /** Applications to publish; none serves what the home knows already. */
  folders: readonly string[];
  upstreams: readonly Upstream[];
  /** Where `[env]` of applications finds its values. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Applications of anybody may run where nothing isolates them. */
  allowUnsandboxed: boolean;
  /** Something a person should know while the server runs. */
  notice: (message: string) => void;
}

/** A server that serves. */
export interface RunningServer {
  url: string;
  /** Where orgs, keys, projects and releases are managed. */
  controlUrl: string;
  /** Metrics and health, on loopback. */
  internalUrl: string;
  /** The control plane's, on loopback. */
  controlInternalUrl: string;
  /** The operator's admin plane, on loopback. */
  operatorUrl: string | null;
  /** The file with the first operator's one-time link; `null` once somebody has used it. */
  operatorLinkFile: string | null;
  apiKey: string;
  credentialsPath: string;
  isolation: Isolation;
  upstreams: UpstreamsAnswer['upstreams'];
  /** Refs of the projects it serves, the default first. */
  projects: readonly string[];
  published: readonly Published[];
  /** What a later publish into this server needs. */
  publishing: PublishSettings;
  /** Resolves with the reason when the server cannot go on; it must then be stopped. */
  failed: Promise<string>;
  /** Drains: data plane, control plane, database, doors. Idempotent. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(): Promise<void>;
}

/**
 * Starts a whole server: doors, databases, the two planes; then publishes the applications. Throws
 * `CliError`; whatever had been started by then is stopped again.
 */
export async function startServer(request: ServerRequest): Promise<RunningServer> {
  const { settings, upstreams, notice, environment } = request;
  const { home } = settings;
  // What this process and its children make is nobody else's to write, whatever the shell allows.
  process.umask(process.umask() | 0o022);
  await leaveNoCore();
  // Harnesses that a person installed into this home are looked for there.
  process.env.KARTA_HOME = home;
  // Before anything is started: what is wrong with a folder itself is told at once.
  const folders = await prepareFolders(request.folders);
  const started = new AsyncDisposableStack();
  try {
    started.defer(await lockHome(home));
    const ports = await choosePorts(settings);
    const runtimeFolder = await makeRuntimeFolder(home);
    started.defer(() => rm(runtimeFolder, { recursive: true, force: true }));
    const log = (name: string) => {
      const file = openLog(home, name);
      started.defer(file.close);
      return file.line;
    };

    const keys = await planeKeys(home);
    const earlier = await readEarlierHome(home);
    const doors = await startDoors({
      ...{ home, runtimeFolder, upstreams, environment },
      control: { internal_url: loopback(ports.controlInternal), key: keys.doors },
      log: log('doors'),
      notice,
    });
    started.defer(() => doors.stop());
    const databases = await startDatabases(['control', 'data'], {
      home,
      environment,
      log: log('server'),
    });
    started.defer(() => databases.stop());
    const [control, plane] = await bothPlanes(
      startControlPlane({
        settings,
        port: ports.control,
        operatorPort: ports.operator,
        internal: loopbackSurface(ports.controlInternal),
        key: keys.control,
        nodes: [
          {
            internal_url: loopback(ports.dataInternal),
            key: publicHalf(keys.data),
            doors_key: publicHalf(keys.doors),
          },
        ],
        databaseUrl: databases.urls.control,
        runtimeFolder,
        firstOrg: earlier === null ? {} : { id: earlier.orgId },
        environment,
        log: log('control-plane'),
        notice,
      }),
      startDataPlane({
        settings,
        internal: loopbackSurface(ports.dataInternal),
        control: {
          internal_url: loopback(ports.controlInternal),
          key: keys.data,
          public_key: publicHalf(keys.control),
        },
        runtimeFolder,
        databaseUrl: databases.urls.data,
        doors,
        allowUnsandboxed: request.allowUnsandboxed,
        environment,
        poolSize: settings.warm,
        log: log('data-plane'),
        notice,
      }),
    );
    started.defer(() => control.stop());
    started.defer(() => plane.stop());
    requireIsolation(plane.isolation, settings);
    const apiKey = await tellAddresses(home, plane.url, control.url);
    await writeServerFile(home, {
      pid: process.pid,
      url: plane.url,
      control_url: control.url,
      internal_url: plane.internalUrl,
      control_internal_url: control.internalUrl,
    });
    started.defer(() => removeServerFile(home));
    const karta = new Karta({ apiKey, baseUrl: plane.url, controlUrl: control.url });
    const publishing: PublishSettings = { karta, environment };
    const published = await publishAll(folders, publishing);
    const [first] = published;
    if (first !== undefined) await makeDefault(karta, first.ref);
    const projects = await servedProjects(karta);
    const lost = notCarriedOver(
      earlier,
      projects.map(({ ref }) => ref),
    );
    if (lost !== null) notice(lost);
    for (const { ref, version } of projects) {
      await waitUntilServed({ url: plane.url, apiKey }, ref, version);
    }

    let stopping: Promise<void> | undefined;
    return {
      url: plane.url,
      controlUrl: control.url,
      internalUrl: plane.internalUrl,
      controlInternalUrl: control.internalUrl,
      operatorUrl: control.operatorUrl,
      operatorLinkFile: holdsText(operatorLinkPath(home)) ? operatorLinkPath(home) : null,
      apiKey,
      credentialsPath: credentialsPath(home),
      isolation: plane.isolation,
      upstreams: doors.upstreams,
      projects: projects.map(({ ref }) => ref),
      published,
      publishing,
      failed: firstFailure([plane, control, doors], databases.exited),
      stop: () => {
        stopping ??= started.disposeAsync();
        return stopping;
      },
      kill: async () => {
        plane.kill();
        control.kill();
        doors.kill();
        stopping ??= started.disposeAsync();
        await stopping;
      },
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

/** Whether a file is there with something in it. */
function holdsText(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function loopback(port: number): string {
  return `http://127.0.0.1:${port}`;
}

/** Both, or the failure of the one once the other is stopped. */
async function bothPlanes(
  control: Promise<ControlPlane>,
  data: Promise<DataPlane>,
): Promise<[ControlPlane, DataPlane]> {
  const [first, second] = await Promise.allSettled([control, data]);
  if (first.status === 'fulfilled' && second.status === 'fulfilled') {
    return [first.value, second.value];
  }
  for (const outcome of [first, second]) {
    if (outcome.status === 'fulfilled') await outcome.value.stop();
  }
  throw first.status === 'rejected' ? first.reason : (second as PromiseRejectedResult).reason;
}

/** Writes where the planes are beside the key that the control plane has made; that key. */
async function tellAddresses(home: string, dataUrl: string, controlUrl: string): Promise<string> {
  const known = await readCredentials(home);
  if (known === null) throw new Error(`the control plane made no key in ${home}`);
  if (known.data_url !== dataUrl || known.control_url !== controlUrl) {
    await writeCredentials(home, { ...known, data_url: dataUrl, control_url: controlUrl });
  }
  return known.api_key;
}

/** The projects that sessions can be created for, the default first. */
async function servedProjects(karta: Karta): Promise<{ ref: string; version: string }[]> {
  const served: { ref: string; version: string }[] = [];
  for await (const { ref, active_release, default: isDefault } of karta.projects.list()) {
    if (active_release === null) continue;
    const entry = { ref, version: active_release.version };
    if (isDefault) served.unshift(entry);
    else served.push(entry);
  }
  return served;
}

function requireIsolation(actual: Isolation, settings: ServeSettings): void {
  if (isolatesEnough(actual, settings.minIsolation)) return;
  throw new CliError(
    'machine',
    `This machine isolates sessions by "${actual}"; "${settings.minIsolation}" is required here`,
    `See "karta doctor" for what is missing, or allow it: --min-isolation ${actual}`,
  );
}

/** The first reason for which the server cannot go on. What ends is started again first. */
async function firstFailure(
  kept: readonly { gaveUp: Promise<string> }[],
  databaseEnd: Promise<void>,
): Promise<string> {
  return Promise.race([
    ...kept.map(({ gaveUp }) => gaveUp),
    databaseEnd.then(() => 'the database ended unexpectedly'),
  ]);
}
