import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { Karta } from '@karta/sdk';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const KARTA = join(ROOT, 'packages/cli/bin/karta.js');

export function example(name: string): string {
  return join(ROOT, 'examples', name);
}

/** Where `npm run setup:test` puts Claude Code; servers of this suite see it only when given this. */
export const WITH_CLAUDE_CODE = {
  KARTA_CACHE: process.env.KARTA_CACHE ?? join(homedir(), '.cache', 'karta'),
};

/**
 * What a person's shell would have after `npm install`, and nothing of the test's own but the cache
 * of compiled code, which a person's `karta` keeps too.
 */
export function cleanEnvironment(extra: Record<string, string> = {}): Record<string, string> {
  const { PATH = '', HOME = '', TMPDIR, NODE_COMPILE_CACHE } = process.env;
  return {
    PATH,
    HOME,
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
    ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }),
    KARTA_CACHE: join(ROOT, 'no-such-cache'),
    ...extra,
  };
}

/** A home of its own, removed with all in it. */
export async function temporaryHome(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'karta-e2e-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** `karta serve` as a process, ready. */
export interface ServedKarta extends AsyncDisposable {
  pid: number;
  url: string;
  apiKey: string;
  isolation: string;
  ready: Record<string, unknown>;
  karta: Karta;
  child: ChildProcessByStdio<null, Readable, Readable>;
  /** What it has written to stderr. */
  log(): string;
  /** What it has written to stdout. */
  output(): string;
  exited: Promise<number | null>;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
}

/**
 * Starts `karta serve` without warm sandboxes, unless `warm` says otherwise, and waits for its line
 * of JSON. Rejects with its words when it ends first.
 */
export async function serveKarta(
  home: string,
  folders: readonly string[],
  options: {
    args?: readonly string[];
    env?: Record<string, string>;
    runtime?: string;
    warm?: number;
  } = {},
): Promise<ServedKarta> {
  const warm = String(options.warm ?? 0);
  const args = [
    KARTA,
    'serve',
    ...folders,
    '--home',
    home,
    '--port',
    '0',
    '--warm',
    warm,
    '--json',
  ];
  const child = spawn(options.runtime ?? process.execPath, [...args, ...(options.args ?? [])], {
    env: cleanEnvironment(options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    err += chunk;
  });
  let out = '';
  child.stdout.setEncoding('utf8');
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk: string) => {
      out += chunk;
      if (out.includes('\n')) resolve(out);
    });
    void exited.then((code) => reject(new Error(`karta serve ended with ${code}: ${out}${err}`)));
  });
  const ready = JSON.parse(line) as Record<string, unknown>;
  if (ready.ready !== true) throw new Error(`karta serve failed: ${line}`);
  const url = String(ready.url);
  const apiKey = String(ready.api_key);
  const stop = async () => {
    child.kill('SIGTERM');
    return exited;
  };
  return {
    pid: child.pid ?? 0,
    url,
    apiKey,
    isolation: String(ready.isolation),
    ready,
    karta: new Karta({ apiKey, baseUrl: url }),
    child,
    log: () => err,
    output: () => out,
    exited,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** A command of `karta` run to its end. */
export async function karta(
  args: readonly string[],
  options: {
    home: string;
    cwd?: string;
    env?: Record<string, string>;
    runtime?: string;
    /** What is piped in. */
    input?: string;
  },
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(options.runtime ?? process.execPath, [KARTA, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: cleanEnvironment({ KARTA_HOME: options.home, ...options.env }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  child.stdin.on('error', () => undefined); // It may end without having read it.
  child.stdin.end(options.input ?? '');
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code: code as number | null, stdout, stderr };
}
