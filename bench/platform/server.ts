import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const KARTA = fileURLToPath(new URL('../../packages/cli/bin/karta.js', import.meta.url));

/** A whole server, as `karta serve` starts it, on a home of its own. */
export interface BenchServer {
  origin: URL;
  /** Metrics and health. */
  internalOrigin: URL;
  apiKey: string;
  pid: number;
  /** Stops it and serves the same home again: every session is then without a process. */
  restart(): Promise<BenchServer>;
  stop(): Promise<void>;
}

/**
 * Serves one application of `bench/applications`, with so many sandboxes kept warm. Resolves when
 * the server is ready.
 */
export async function serveApplication(
  name: string,
  { warm }: { warm: number },
): Promise<BenchServer> {
  const home = await mkdtemp(join(tmpdir(), 'karta-bench-'));
  const folder = fileURLToPath(new URL(`../applications/${name}`, import.meta.url));
  return serve(home, folder, warm);
}

async function serve(home: string, folder: string, warm: number): Promise<BenchServer> {
  const args = [
    KARTA,
    'serve',
    folder,
    '--json',
    '--port',
    '0',
    '--home',
    home,
    '--warm',
    String(warm),
  ];
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ready = await firstLine(child);
  const end = async () => {
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  return {
    origin: new URL(ready.url),
    internalOrigin: new URL(ready.internal_url),
    apiKey: ready.api_key,
    pid: ready.pid,
    async restart() {
      await end();
      return serve(home, folder, warm);
    },
    async stop() {
      await end();
      await rm(home, { recursive: true, force: true });
    },
  };
}

interface Ready {
  url: string;
  api_key: string;
  internal_url: string;
  pid: number;
}

async function firstLine(child: ChildProcess): Promise<Ready> {
  if (child.stdout === null) throw new Error('the server has no stdout');
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit').then(() => {
    throw new Error('the server ended before it was ready');
  });
  const line = once(lines, 'line').then(([text]) => JSON.parse(String(text)) as Ready);
  return Promise.race([line, ended]);
}
