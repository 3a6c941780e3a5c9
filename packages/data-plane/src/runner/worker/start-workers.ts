import { Worker } from 'node:worker_threads';
import type { RunnerConfig } from '../config.ts';
import type { MachineHost } from '../machine/machine-port.ts';
import { fleetOf, type LoadedHost } from './fleet.ts';
import { RemoteHost } from './remote-host.ts';
import type { WorkerSettings } from './worker-settings.ts';

/** Variables of the environment by which programs and packages are found. */
const KEPT = [
  'PATH',
  'HOME',
  'TMPDIR',
  'LANG',
  'XDG_CACHE_HOME',
  'KARTA_CACHE',
  'NODE_COMPILE_CACHE',
] as const;

/** Starts `count` threads that hold machines. They share nothing with this one but messages. */
export function startWorkers(config: RunnerConfig, count: number): MachineHost {
  const first = startWorker(config);
  const others = Array.from({ length: count - 1 }, () => startWorker(config));
  return fleetOf([first, ...others]);
}

function startWorker(config: RunnerConfig): LoadedHost {
  const { home, runtimeDir, sandbox, log } = config;
  const workerData: WorkerSettings = { home, runtimeDir, sandbox };
  const worker = new Worker(new URL(`./worker-main${ending()}`, import.meta.url), {
    workerData,
    env: workerEnvironment(home),
    name: 'machines',
  });
  const host = new RemoteHost(worker, (text) =>
    log.error({ error: text }, 'a stray error of a machine'),
  );
  let stopping = false;
  const lost = (error: Error) => {
    if (stopping) return;
    stopping = true;
    host.fail(error);
    log.error({ err: error }, 'a thread that holds sessions has died');
    config.onWorkerLost?.(error);
  };
  worker.on('error', lost);
  worker.on('exit', (code) => lost(new Error(`the thread ended with ${code}`)));
  return {
    get load() {
      return host.load;
    },
    start: host.start,
    boot: host.boot,
    describe: host.describe,
    releaseFiles: host.releaseFiles,
    releaseFile: host.releaseFile,
    volumes: host.volumes,
    destroyVolume: host.destroyVolume,
    stop: host.stop,
    async close() {
      stopping = true;
      await worker.terminate();
      host.fail(new Error('the server has stopped'));
    },
  };
}

/** The environment holds keys: the thread gets what it needs of it by name. */
function workerEnvironment(home: string): Record<string, string> {
  const environment: Record<string, string> = { KARTA_HOME: home };
  for (const name of KEPT) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}

/** This module's own ending: `.ts` in development, `.js` when built. */
function ending(): string {
  return import.meta.url.endsWith('.ts') ? '.ts' : '.js';
}
