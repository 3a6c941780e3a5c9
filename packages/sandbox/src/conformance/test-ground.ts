import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Sandbox, SandboxCommand, SandboxProcess, SandboxSpec } from '../port.ts';

/** A folder of a test: a release, a home and a runtime folder, all removed by `remove`. */
export interface TestGround {
  root: string;
  home: string;
  runtimeDir: string;
  release: string;
  spec(overrides?: Partial<SandboxSpec>): SandboxSpec;
  remove(): Promise<void>;
}

export const MIB = 1024 * 1024;
let serial = 0;

/** The path is short, as sockets lie below it. */
export async function testGround(): Promise<TestGround> {
  const root = await mkdtemp(join(tmpdir(), 'ks-'));
  await chmod(root, 0o755);
  const release = join(root, 'release');
  await mkdir(join(release, 'config'), { recursive: true });
  await writeFile(join(release, 'hello.txt'), 'hello from the release\n');
  await writeFile(join(release, 'config', 'rules.md'), 'rules of the release\n');
  await writeFile(join(release, 'settings.json'), '{"release":true}\n');
  const home = join(root, 'home');
  const runtimeDir = join(root, 'run');
  await mkdir(home, { mode: 0o700 });
  await mkdir(runtimeDir, { mode: 0o700 });
  return {
    root,
    home,
    runtimeDir,
    release,
    spec: (overrides = {}) => ({
      id: `sbx_${process.pid}_${++serial}`,
      org: `org_${process.pid}`,
      volumeId: `vol_${process.pid}_${serial}`,
      release,
      protectedPaths: [],
      tools: [],
      files: [],
      offers: [],
      listens: [],
      limits: { memoryBytes: 512 * MIB, pids: 128, cpus: 1, diskBytes: 64 * MIB },
      ...overrides,
    }),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

/** Environment that a shell needs to find its programs. */
export const PATH_ENV = { PATH: '/usr/bin:/bin' };

export function sh(script: string, extra: Partial<SandboxCommand> = {}): SandboxCommand {
  return { argv: ['/bin/sh', '-c', script], env: PATH_ENV, ...extra };
}

export interface Outcome {
  stdout: string;
  stderr: string;
  code: number | null;
  signal: string | null;
}

/** Runs a command to its end with these bytes as its input. */
export async function run(sandbox: Sandbox, command: SandboxCommand, input = ''): Promise<Outcome> {
  const child = sandbox.spawn(command);
  child.stdin.end(input);
  const [stdout, stderr, exit] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    child.exited,
  ]);
  return { stdout, stderr, ...exit };
}

export async function text(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
}

/** Resolves when the process has printed this text. Rejects when its output ends before. */
export async function printed(child: SandboxProcess, wanted: string): Promise<void> {
  let seen = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    seen += String(chunk);
    if (seen.includes(wanted)) return;
  }
  throw new Error(`the output ended without ${JSON.stringify(wanted)}: ${JSON.stringify(seen)}`);
}

/** Repeats until the check holds; for what has no event, such as a process leaving `/proc`. */
export async function eventually(check: () => Promise<boolean> | boolean): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await check())) {
    if (Date.now() > end) throw new Error('what was waited for did not come');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A service of the host on a unix socket that sends every byte back, upper-cased on a prefix line. */
export async function echoService(path: string): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen({ path, readableAll: true, writableAll: true }, resolve);
  });
  return server;
}
