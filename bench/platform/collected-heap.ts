import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { processTree } from './process-tree.ts';
import type { BenchServer } from './server.ts';

/** Where Node opens its inspector when it is sent SIGUSR1. */
const INSPECTOR = 'http://127.0.0.1:9229/json/list';
const ATTEMPTS = 50;

/** The heap of a process, read after its collector was made to run. */
export interface CollectedHeap {
  bytes(): Promise<number>;
  close(): void;
}

/** Attaches to the inspector of a server's data plane. Throws when another process has that port. */
export async function collectedHeap(server: BenchServer): Promise<CollectedHeap> {
  return collectedHeapOf(await dataPlaneOf(server));
}

/** Attaches to the inspector of a process of Node. Throws when another process has that port. */
export async function collectedHeapOf(pid: number): Promise<CollectedHeap> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await debuggerUrl());
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  let last = 0;
  const call = (method: string, params: object = {}) =>
    new Promise<{ result?: { value?: unknown } }>((resolve) => {
      last += 1;
      const id = last;
      socket.addEventListener('message', function take({ data }) {
        const answer = JSON.parse(String(data)) as { id?: number; result: { result?: object } };
        if (answer.id !== id) return;
        socket.removeEventListener('message', take);
        resolve(answer.result);
      });
      socket.send(JSON.stringify({ id, method, params }));
    });
  const evaluate = async (expression: string) =>
    Number((await call('Runtime.evaluate', { expression })).result?.value);
  if ((await evaluate('process.pid')) !== pid) {
    socket.close();
    throw new Error('the inspector on port 9229 is another process’s');
  }
  return {
    async bytes() {
      // What a first collection leaves to be finalised, a second one frees.
      for (let round = 0; round < 2; round += 1) await call('HeapProfiler.collectGarbage');
      return evaluate('process.memoryUsage().heapUsed');
    },
    close: () => socket.close(),
  };
}

async function dataPlaneOf(server: BenchServer): Promise<number> {
  for (const pid of (await processTree(server.pid)).pids) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (command.includes('data-plane/src/main')) return pid;
  }
  throw new Error('the server has no data plane');
}

async function debuggerUrl(): Promise<string> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const answer = await fetch(INSPECTOR).catch(() => null);
    if (answer !== null) {
      const [target] = (await answer.json()) as { webSocketDebuggerUrl: string }[];
      if (target !== undefined) return target.webSocketDebuggerUrl;
    }
    await delay(100);
  }
  throw new Error('the process opened no inspector');
}
