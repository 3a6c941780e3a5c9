import { secretFile } from '@karta/service';
import { planeKeys } from '@karta/service/plane-auth';
import { startControlPlane } from './control-plane.ts';
import { startDataPlane } from './data-plane.ts';
import { startDatabases } from './database.ts';
import { managementSocketIn, startDoors } from './doors.ts';
import { lockHome } from './home-lock.ts';
import { openLog } from './log-file.ts';
import { controlOf, internalSurfaceOf, nodesOf } from './plane-peers.ts';
import { choosePorts } from './ports.ts';
import type { Upstream } from './provider-keys.ts';
import { makeRuntimeFolder } from './runtime-folder.ts';
import type { ServeSettings } from './settings.ts';

export interface PartRequest {
  settings: ServeSettings;
  environment: Readonly<Record<string, string | undefined>>;
  notice: (message: string) => void;
}

/** One part of a server, run apart from the others. */
export interface RunningPart {
  /** What it tells, for people and programs; no secret. */
  ready: Readonly<Record<string, string | null>>;
  failed: Promise<string>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** The name of the token by which doors and data plane of one machine know each other. */
const DOORS_TOKEN = 'doors-token';

/** `karta serve control`: a control plane for the data planes that `KARTA_NODES` names. */
export async function startControlPart(request: PartRequest): Promise<RunningPart> {
  const { settings, environment, notice } = request;
  return running(settings, 'control', async (started) => {
    const nodes = await nodesOf(environment.KARTA_NODES);
    const ports = await choosePorts(settings, ['control', 'operator']);
    const internal = internalSurfaceOf(environment, ports.controlInternal);
    const databases = await ownDatabases('control', request, started);
    const log = openLog(settings.home, 'control-plane');
    started.defer(log.close);
    const plane = await startControlPlane({
      settings,
      port: ports.control,
      operatorPort: ports.operator,
      internal,
      key: (await planeKeys(settings.home)).control,
      nodes,
      databaseUrl: databases.urls.control,
      runtimeFolder: await makeRuntimeFolder(settings.home),
      firstOrg: null,
      environment,
      log: log.line,
      notice,
    });
    started.defer(() => plane.stop());
    return {
      ready: {
        control_url: plane.url,
        control_internal_url: plane.internalUrl,
        operator_url: plane.operatorUrl,
      },
      failed: Promise.race([plane.gaveUp, databases.failed]),
      kill: () => plane.kill(),
    };
  });
}

/** `karta serve data`: a data plane of the control plane that `KARTA_CONTROL` names. */
export async function startDataPart(request: PartRequest): Promise<RunningPart> {
  const { settings, environment, notice } = request;
  return running(settings, 'data', async (started) => {
    const control = await controlOf(environment.KARTA_CONTROL);
    const ports = await choosePorts(settings, ['data']);
    const internal = internalSurfaceOf(environment, ports.dataInternal);
    const runtimeFolder = await makeRuntimeFolder(settings.home);
    const databases = await ownDatabases('data', request, started);
    const log = openLog(settings.home, 'data-plane');
    started.defer(log.close);
    const plane = await startDataPlane({
      settings,
      internal,
      control: {
        internal_url: control.internal_url,
        public_key: control.key,
        key: (await planeKeys(settings.home)).data,
      },
      runtimeFolder,
      databaseUrl: databases.urls.data,
      doors: {
        managementSocket: managementSocketIn(runtimeFolder),
        token: await secretFile(settings.home, DOORS_TOKEN),
      },
      allowUnsandboxed: settings.sandbox === 'none',
      environment,
      poolSize: settings.warm,
      log: log.line,
      notice,
    });
    started.defer(() => plane.stop());
    return {
      ready: { url: plane.url, internal_url: plane.internalUrl, isolation: plane.isolation },
      failed: Promise.race([plane.gaveUp, databases.failed]),
      kill: () => plane.kill(),
    };
  });
}

/**
 * `karta serve doors`: the doors of the data plane that is started in the same home. They ask the
 * control plane that `KARTA_CONTROL` names for budgets and keys; it need not run yet.
 */
export async function startDoorsPart(
  request: PartRequest & { upstreams: readonly Upstream[] },
): Promise<RunningPart> {
  const { settings, upstreams, environment, notice } = request;
  return running(settings, 'doors', async (started) => {
    const control = await controlOf(environment.KARTA_CONTROL);
    const runtimeFolder = await makeRuntimeFolder(settings.home);
    const log = openLog(settings.home, 'doors');
    started.defer(log.close);
    const doors = await startDoors({
      home: settings.home,
      runtimeFolder,
      upstreams,
      environment,
      control: {
        internal_url: control.internal_url,
        key: (await planeKeys(settings.home)).doors,
      },
      token: await secretFile(settings.home, DOORS_TOKEN),
      log: log.line,
      notice,
    });
    started.defer(() => doors.stop());
    return {
      ready: { management_socket: doors.managementSocket },
      failed: doors.gaveUp,
      kill: () => doors.kill(),
    };
  });
}

interface StartedPart {
  ready: RunningPart['ready'];
  failed: Promise<string>;
  kill(): void;
}

/** Starts a part in its home; whatever had been started when it fails is stopped again. */
async function running(
  settings: ServeSettings,
  part: string,
  start: (started: AsyncDisposableStack) => Promise<StartedPart>,
): Promise<RunningPart> {
  process.umask(process.umask() | 0o022);
  process.env.KARTA_HOME = settings.home;
  const started = new AsyncDisposableStack();
  try {
    started.defer(await lockHome(settings.home, part));
    const { ready, failed, kill } = await start(started);
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= started.disposeAsync();
      return stopping;
    };
    return {
      ready,
      failed,
      stop,
      kill: () => {
        kill();
        return stop();
      },
    };
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

async function ownDatabases<Name extends 'control' | 'data'>(
  name: Name,
  { settings, environment }: PartRequest,
  started: AsyncDisposableStack,
) {
  const log = openLog(settings.home, `database-${name}`);
  started.defer(log.close);
  const databases = await startDatabases([name], {
    home: settings.home,
    environment,
    log: log.line,
  });
  started.defer(() => databases.stop());
  return { ...databases, failed: databases.exited.then(() => 'the database ended unexpectedly') };
}
