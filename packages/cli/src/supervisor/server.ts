import { rm } from 'node:fs/promises';
import { credentialsPath, ensureLocalOrg, openLocalControl } from '@karta/data-plane';
import type { Isolation, UpstreamsAnswer } from '@karta/protocol';
import { loopbackSurface, planeKeys, publicHalf } from '@karta/service/plane-auth';
import { CliError } from '../cli-error.ts';
import { endText } from './child.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';
import { type DataPlane, startDataPlane } from './data-plane.ts';
import { startDatabases } from './database.ts';
import { startDoors } from './doors.ts';
import { exposedSecretsOf } from './exposed-secrets.ts';
import { lockHome } from './home-lock.ts';
import { openLog } from './log-file.ts';
import { choosePorts } from './ports.ts';
import type { Upstream } from './provider-keys.ts';
import { type Published, type PublishSettings, publishFolders } from './publish-folders.ts';
import { makeRuntimeFolder } from './runtime-folder.ts';
import { removeServerFile, writeServerFile } from './server-file.ts';
import { isolatesEnough, type ServeSettings } from './settings.ts';

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
 * Starts a whole server: doors, the applications, the databases, the two planes. Throws
 * `CliError`; whatever had been started by then is stopped again.
 */
export async function startServer(request: ServerRequest): Promise<RunningServer> {
  const { settings, upstreams, notice } = request;
  const { home } = settings;
  // What this process and its children make is nobody else's to write, whatever the shell allows.
  process.umask(process.umask() | 0o022);
  // Harnesses that a person installed into this home are looked for there.
  process.env.KARTA_HOME = home;
  const started = new AsyncDisposableStack();
  try {
    started.defer(await lockHome(home));
    const ports = await choosePorts(settings);
    const runtimeFolder = await makeRuntimeFolder(home);
    started.defer(() => rm(runtimeFolder, { recursive: true, force: true }));
    const { orgId } = await ensureLocalOrg(home);
    const log = openLog(home, 'server');
    started.defer(log.close);
    const doorsLog = openLog(home, 'doors');
    started.defer(doorsLog.close);
    const controlLog = openLog(home, 'control-plane');
    started.defer(controlLog.close);
    const planeLog = openLog(home, 'data-plane');
    started.defer(planeLog.close);

    const doors = await startDoors({
      ...{ home, runtimeFolder, upstreams, environment },
      log: doorsLog.line,
    });
    started.defer(() => doors.child.stop());
    // Before the database, which takes longest: what is wrong with a folder is told at once.
    const publishing: PublishSettings = {
      home,
      upstreams: doors.upstreams,
      environment: request.environment,
      makeDefault: true,
    };
    const published = await publishFolders(request.folders, publishing);
    const projects = await servedProjects(home, orgId);
    const databases = await startDatabases(['control', 'data'], {
      home,
      environment: request.environment,
      log: log.line,
    });
    started.defer(() => databases.stop());
    const keys = await planeKeys(home);
    const control = await startControlPlane({
      settings,
      port: ports.control,
      operatorPort: ports.operator,
      internal: loopbackSurface(ports.controlInternal),
      key: keys.control,
      nodes: [
        {
          internal_url: `http://127.0.0.1:${ports.dataInternal}`,
          key: publicHalf(keys.data),
        },
      ],
      databaseUrl: databases.urls.control,
      firstOrg: { id: orgId },
      environment: request.environment,
      log: controlLog.line,
      notice,
    });
    started.defer(() => control.stop());
    const plane = await startDataPlane({
      settings,
      internal: loopbackSurface(ports.dataInternal),
      control: null,
      runtimeFolder,
      databaseUrl: databases.urls.data,
      doors,
      allowUnsandboxed: request.allowUnsandboxed,
      environment: request.environment,
      exposedSecrets: await exposedSecretsOf(home, request.environment),
      poolSize: settings.warm,
      log: planeLog.line,
      notice,
    });
    started.defer(() => plane.stop());
    requireIsolation(plane.isolation, settings);
    const { apiKey } = await ensureLocalOrg(home, {
      dataUrl: plane.url,
      controlUrl: control.url,
    });
    await writeServerFile(home, {
      pid: process.pid,
      url: plane.url,
      control_url: control.url,
      internal_url: plane.internalUrl,
      control_internal_url: control.internalUrl,
      upstreams: doors.upstreams,
    });
    started.defer(() => removeServerFile(home));

    let stopping: Promise<void> | undefined;
    return {
      url: plane.url,
      controlUrl: control.url,
      internalUrl: plane.internalUrl,
      controlInternalUrl: control.internalUrl,
      operatorUrl: control.operatorUrl,
      apiKey,
      credentialsPath: credentialsPath(home),
      isolation: plane.isolation,
      upstreams: doors.upstreams,
      projects,
      published,
      publishing,
      failed: firstFailure([plane, control], doors.child.ended, databases.exited),
      stop: () => {
        stopping ??= started.disposeAsync();
        return stopping;
      },
      kill: async () => {
        plane.kill();
        control.kill();
        doors.child.kill();
        stopping ??= started.disposeAsync();
        await stopping;
      },
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

/** The refs that sessions can be created for. Throws `CliError` when there are none. */
async function servedProjects(home: string, orgId: string): Promise<string[]> {
  const control = await openLocalControl(home);
  const releases = await control.activeReleases();
  const projects = await Promise.all(
    releases.map((release) => control.projectById(orgId, release.projectId)),
  );
  const first = await control.defaultProject(orgId);
  const refs = projects.flatMap((project) => (project === null ? [] : [project.ref]));
  if (refs.length === 0) {
    throw new CliError(
      'application',
      `${home} knows no application yet`,
      'Name a folder: karta serve <folder>',
    );
  }
  return [...new Set([...(first === null ? [] : [first.ref]), ...refs])];
}

function requireIsolation(actual: Isolation, settings: ServeSettings): void {
  if (isolatesEnough(actual, settings.minIsolation)) return;
  throw new CliError(
    'machine',
    `This machine isolates sessions by "${actual}"; "${settings.minIsolation}" is required here`,
    `See "karta doctor" for what is missing, or allow it: --min-isolation ${actual}`,
  );
}

/** The first reason for which the server cannot go on. A plane that ends is restarted first. */
async function firstFailure(
  planes: readonly (DataPlane | ControlPlane)[],
  doorsEnd: Promise<Parameters<typeof endText>[0]>,
  databaseEnd: Promise<void>,
): Promise<string> {
  return Promise.race([
    ...planes.map((plane) => plane.gaveUp),
    doorsEnd.then((end) => `the doors ended unexpectedly (${endText(end)})`),
    databaseEnd.then(() => 'the database ended unexpectedly'),
  ]);
}
