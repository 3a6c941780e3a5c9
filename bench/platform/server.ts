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
  apiKey: string;
  pid: number;
  /** The project's ref. */
  ref: string;
  stop(): Promise<void>;
}

/** Serves one application of `bench/applications`. Resolves when the server is ready. */
export async function serveApplication(
  name: string,
  settings: Record<string, string> = {},
): Promise<BenchServer> {
  const home = await mkdtemp(join(tmpdir(), 'karta-bench-'));
  const folder = fileURLToPath(new URL(`../applications/${name}`, import.meta.url));
  const child = spawn(
    process.execPath,
    [KARTA, 'serve', folder, '--json', '--port', '0', '--home', home],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...settings },
    },
  );
  const ready = await firstLine(child);
  return {
    origin: new URL(ready.url),
    apiKey: ready.api_key,
    pid: ready.pid,
    ref: ready.published[0]?.ref ?? '',
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
      await rm(home, { recursive: true, force: true });
    },
  };
}

interface Ready {
  url: string;
  api_key: string;
  pid: number;
  published: { ref: string }[];
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
