import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CHANNEL_PATHS } from '@karta/protocol';
import { type StartedDoors, startDoors } from '../../packages/doors/src/testing/start-doors.ts';
import { freePort } from '../../packages/sandbox/src/process/loopback-offer.ts';
import { installTestPackage, PEER_GATEWAY, testCacheRoot } from '../../scripts/setup-test.ts';
import { collectedHeapOf } from '../platform/collected-heap.ts';
import type { Served } from './load.ts';

const UPSTREAM = fileURLToPath(new URL('scripted-upstream.ts', import.meta.url));
const FETCHING = fileURLToPath(new URL('fetch-usage.ts', import.meta.url));
const PATH = '/v1/chat/completions';
const START_ATTEMPTS = 200;
/** USER_HZ of Linux: a tick of a process's time is 10 ms. */
const TICK_MS = 10;

/** A process that serves the script, by itself or from the scripted provider. */
export interface Process {
  served: Served;
  pid: number;
  stop(): Promise<void>;
}

/** The scripted provider, and how it is asked without anybody between. */
export async function startUpstream(): Promise<Process & { port: number }> {
  const child = spawn(process.execPath, [UPSTREAM], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const port = Number(line);
  const served = { name: 'direct', connect: loopback(port), path: PATH, headers: {} };
  return { served, port, pid: pidOf(child), stop: () => ended(child) };
}

/** The doors with one channel. */
export interface Doors extends Process {
  doors: StartedDoors;
  /** Of their heap, after a collection. */
  heapBytes(): Promise<number>;
}

/** Starts the doors and opens a channel with a turn. */
export async function startChannel(upstreamPort: number): Promise<Doors> {
  const doors = await startDoors({
    upstreams: [
      { id: 'openai', base_url: `http://127.0.0.1:${upstreamPort}/v1`, api_key: 'sk-bench' },
    ],
  });
  const id = `sbx_${randomBytes(12).toString('hex')}`;
  const { socket_path, credential } = await doors.management.openChannel({
    ...{ channel_id: id, org_id: 'org_1', project_id: 'proj_1', session_id: 'sess_1' },
    ...{ mode: 'live', demo: false },
  });
  await doors.management.openTurn(id, 'turn_1');
  const served: Served = {
    name: 'doors',
    connect: { path: socket_path },
    path: `${CHANNEL_PATHS.openai}/chat/completions`,
    headers: { authorization: `Bearer ${credential}` },
  };
  const pid = pidOf(doors.process);
  return {
    served,
    doors,
    pid,
    async heapBytes() {
      const heap = await collectedHeapOf(pid);
      const bytes = await heap.bytes();
      heap.close();
      return bytes;
    },
    stop: () => doors.stop(),
  };
}

/**
 * Plays the data plane's part, which is a process of its own: fetches what the doors have metered
 * and acknowledges it.
 */
export function startFetching({ doors }: Doors): Pick<Process, 'stop'> {
  const child = spawn(process.execPath, [FETCHING], { stdio: ['pipe', 'ignore', 'inherit'] });
  const { managementSocket: socket, managementToken: token } = doors;
  child.stdin.write(`${JSON.stringify({ socket, token })}\n`);
  return { stop: () => ended(child) };
}

/** The gateway of the same kind that others run, with its own program, sent to the same provider. */
export async function startPeer(upstreamPort: number): Promise<Process> {
  const { folder } = await installTestPackage(PEER_GATEWAY, testCacheRoot());
  const program = join(folder, 'node_modules', PEER_GATEWAY.name, 'build', 'start-server.js');
  const port = await freePort();
  const child = spawn(process.execPath, [program, `--port=${port}`, '--headless'], {
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { NODE_ENV: 'production' },
  });
  await listening(port);
  const headers = {
    authorization: 'Bearer sk-bench',
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
  };
  const served = { name: 'peer', connect: loopback(port), path: PATH, headers };
  return { served, pid: pidOf(child), stop: () => ended(child) };
}

/** Processor time of a process since its start, in milliseconds. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Resident memory of a process, in bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

function loopback(port: number) {
  return { host: '127.0.0.1', port };
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new Error('the process did not start');
  return pid;
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill();
  await exit;
}

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < START_ATTEMPTS; attempt += 1) {
    const socket = connect(loopback(port));
    const open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (open) return;
    await delay(50);
  }
  throw new Error(`nobody listens on port ${port}`);
}
