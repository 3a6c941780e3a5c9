import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createNoneDriver, type Sandbox } from '@karta/sandbox';
import { type PlainServer, servePlain } from '../../../../doors/src/testing/plain-server.ts';
import { appFolderOf } from '../../app/index.ts';
import type { HarnessSession } from '../../port.ts';
import { type ClaudeCodeOptions, createClaudeCode } from '../index.ts';
import { INSIDE } from '../inside.ts';

/** A folder of Claude Code with a demo model, in plain processes of this machine. */
export interface Ground {
  /** What the model was asked. */
  model: PlainServer;
  sandbox: Sandbox;
  /** The workspace as this machine has it. */
  workspace: string;
  open(options?: { resumeId?: string; env?: Record<string, string> }): Promise<HarnessSession>;
  close(): Promise<void>;
}

export interface GroundOptions extends ClaudeCodeOptions {
  files?: Readonly<Record<string, string>>;
  /** A program of JavaScript in place of the binary. */
  impostor?: string;
}

export async function openGround(options: GroundOptions = {}): Promise<Ground> {
  const { files = { 'CLAUDE.md': '# The shop\n' }, impostor, ...rest } = options;
  const root = await mkdtemp(join(tmpdir(), 'kg-'));
  const release = join(root, 'release');
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(release, path)), { recursive: true });
    await writeFile(join(release, path), text);
  }
  const model = await servePlain();
  const socket = join(root, 'model.sock');
  const door = await doorTo(Number(new URL(model.origin).port), socket);
  const harness = createClaudeCode(rest);
  const app = appFolderOf(files);
  const setup = {
    app,
    detection: harness.detect(app),
    model: {
      offer: 'model',
      credential: 'a-channel-credential',
      families: ['anthropic'] as const,
      defaults: { anthropic: 'claude-demo' },
    },
  };
  const provision = harness.provision(setup);
  const sandbox = await createNoneDriver({ home: join(root, 'home') }).create({
    id: 'sbx_ground',
    org: 'org_ground',
    volumeId: 'vol_ground',
    release,
    protectedPaths: provision.protectedPaths,
    tools: impostor === undefined ? provision.tools : [await program(root, impostor)],
    files: provision.files,
    offers: [{ name: 'model', socket }],
    listens: provision.listens,
    limits: { memoryBytes: provision.memoryBytes, pids: 256, cpus: 2, diskBytes: 2 ** 29 },
  });
  return {
    model,
    sandbox,
    workspace: sandbox.place(INSIDE.workspace),
    open: ({
      resumeId = null,
      env = {},
    }: {
      resumeId?: string | null;
      env?: Record<string, string>;
    } = {}) => harness.open({ ...setup, sandbox, resumeId, env, warm: false }),
    async close() {
      await sandbox.dispose();
      door();
      await model.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function program(root: string, text: string) {
  const source = join(root, 'impostor.mjs');
  await writeFile(source, `#!${process.execPath}\n${text}`);
  await chmod(source, 0o755);
  return { source, target: INSIDE.binary };
}

/** A unix socket that leads to a port of this machine. Resolves to its end. */
async function doorTo(port: number, socket: string): Promise<() => void> {
  const open = new Set<Socket>();
  const server = createServer((inside) => {
    const outside = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return () => {
    server.close();
    for (const each of open) each.destroy();
  };
}
