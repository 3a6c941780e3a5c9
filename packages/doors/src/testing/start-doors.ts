import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type DoorsSettings, doorsReady } from '../config.ts';
import { type ManagementClient, managementClient } from './management-client.ts';

/** A real doors process for tests and benchmarks. */
export interface StartedDoors {
  runtimeDir: string;
  managementSocket: string;
  managementToken: string;
  metricsPort: number | null;
  management: ManagementClient;
  process: ChildProcess;
  /** Everything that it has logged so far. */
  log(): string;
  /** Closes its standard input, waits until it has ended, removes its files. */
  stop(): Promise<void>;
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/**
 * Starts the doors over a fresh runtime folder, by default with the demo model alone. `trusts`: a
 * file of certificates that they take beside the usual ones. `logs`: the least that they log.
 */
export async function startDoors(
  options: Partial<
    Pick<
      DoorsSettings,
      'upstreams' | 'control' | 'own_keys' | 'egress' | 'run_as_uid' | 'drain_ms' | 'journal_dir'
    >
  > = {},
  trusts?: string,
  logs: 'info' | 'debug' = 'info',
): Promise<StartedDoors> {
  const runtimeDir = await mkdtemp(join(tmpdir(), 'karta-doors-'));
  const managementSocket = join(runtimeDir, 'private', 'doors.sock');
  const managementToken = randomBytes(24).toString('base64url');
  const config = {
    runtime_dir: runtimeDir,
    journal_dir: join(runtimeDir, 'journal'),
    management_socket: managementSocket,
    management_token: managementToken,
    metrics_port: 0,
    upstreams: [{ id: 'demo' }],
    ...options,
  };
  const { NODE_COMPILE_CACHE } = process.env;
  const env = {
    ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
    ...(trusts !== undefined && { NODE_EXTRA_CA_CERTS: trusts }),
    KARTA_LOG_LEVEL: logs,
  };
  const child = spawn(process.execPath, [MAIN], { stdio: ['pipe', 'pipe', 'pipe'], env });
  let logged = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    logged += chunk;
  });
  const ended = once(child, 'exit');
  child.stdin.write(`${JSON.stringify(config)}\n`);
  const line = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line').then(([first]) => first as string),
    ended.then(() => null),
  ]);
  if (line === null) {
    await rm(runtimeDir, { recursive: true, force: true });
    throw new Error(`the doors did not start: ${logged}`);
  }
  const ready = doorsReady.parse(JSON.parse(line));
  return {
    runtimeDir,
    managementSocket,
    managementToken,
    metricsPort: ready.metrics_port,
    management: managementClient(managementSocket, managementToken),
    process: child,
    log: () => logged,
    async stop() {
      child.stdin.end();
      await ended;
      await rm(runtimeDir, { recursive: true, force: true });
    },
  };
}
