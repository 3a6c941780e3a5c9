import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NO_CONVERSATION, startCommand } from './start-command.ts';

const ID = '00000000-0000-4000-8000-000000000001';
let root: string;
let config: string;
let workspace: string;
let binary: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), 'karta-start-')));
  config = join(root, 'home', '.claude');
  workspace = join(root, 'work');
  binary = join(root, 'binary');
  await mkdir(workspace);
  await writeFile(binary, '#!/bin/sh\npwd; for a in "$@"; do echo "<$a>"; done\n', { mode: 0o755 });
});
afterEach(() => rm(root, { recursive: true, force: true }));

function start(more: { resumeId?: string; args?: string[]; workspace?: string } = {}) {
  const [program, ...args] = startCommand({
    config,
    workspace: more.workspace ?? workspace,
    binary,
    resumeId: more.resumeId ?? null,
    args: more.args ?? [],
  });
  return spawnSync(program, args, {
    cwd: workspace,
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin' },
  });
}

describe('starting', () => {
  it('becomes the binary, in its folder, with its arguments as they are', () => {
    const args = ['--settings', '{"a":"b c"}', '', "it's", '$HOME', '*'];
    const { stdout, status } = start({ args });
    expect(stdout.trim().split('\n')).toEqual([workspace, ...args.map((arg) => `<${arg}>`)]);
    expect(status).toBe(0);
  });

  it('writes the global state, with trust for the workspace alone', async () => {
    start();
    const state = JSON.parse(await readFile(join(config, '.claude.json'), 'utf8'));
    expect(state.projects).toEqual({ [workspace]: { hasTrustDialogAccepted: true } });
  });

  it('believes nothing of what an earlier turn left, but keeps conversations', async () => {
    await mkdir(join(config, 'projects', '-workspace'), { recursive: true });
    await writeFile(join(config, 'projects', '-workspace', `${ID}.jsonl`), '{}\n');
    await mkdir(join(config, 'agents'));
    await writeFile(join(config, 'agents', 'planted.md'), 'planted');
    for (const name of ['settings.json', 'CLAUDE.md', '.claude.json']) {
      await writeFile(join(config, name), 'planted');
    }
    expect(start({ resumeId: ID }).status).toBe(0);
    expect((await readdir(config)).sort()).toEqual(['.claude.json', 'projects']);
    expect(await readdir(join(config, 'projects', '-workspace'))).toEqual([`${ID}.jsonl`]);
  });

  it('writes through no link', async () => {
    const outside = join(root, 'outside.json');
    await writeFile(outside, 'mine');
    await mkdir(config, { recursive: true });
    await symlink(outside, join(config, '.claude.json'));
    start();
    expect(await readFile(outside, 'utf8')).toBe('mine');
  });
});

describe('conversations', () => {
  it('lie in one place, wherever the workspace is', async () => {
    start();
    const [link] = (await readdir(join(config, 'projects'))).filter(
      (name) => name !== '-workspace',
    );
    expect(link).toBe(workspace.replace(/[^a-zA-Z0-9]/g, '-'));
    expect(await readlink(join(config, 'projects', link ?? ''))).toBe('-workspace');
  });

  it('need no link at /workspace', async () => {
    start({ workspace: '/workspace' });
    expect(await readdir(join(config, 'projects'))).toEqual(['-workspace']);
  });

  it('that are not there are not taken up', () => {
    const { status, stdout } = start({ resumeId: ID });
    expect(status).toBe(NO_CONVERSATION);
    expect(stdout).toBe('');
  });
});

it('runs under the shells that sandboxes have', () => {
  const [, , script] = startCommand({ config, workspace, binary, resumeId: null, args: [] });
  expect(() => execFileSync('/bin/sh', ['-n', '-c', script ?? 'false'])).not.toThrow();
});
