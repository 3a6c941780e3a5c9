import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { fillFolder } from '../../packages/data-plane/src/releases/testing/temp-folder.ts';
import { type Builder, builderOn } from './builder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

let planes: TwoPlanes;
let builder: Builder;

/** Where this run makes temporary folders: another run's are not counted. */
let temporary: string;

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'kg-'));
  // Git runs as a user of its own, which must reach what is inside.
  await chmod(temporary, 0o755);
  process.env.TMPDIR = temporary;
  planes = await startTwoPlanes();
  builder = builderOn(planes);
});
afterAll(async () => {
  await planes?.stop();
  await rm(temporary, { recursive: true, force: true });
});

interface Pushed {
  code: number;
  output: string;
}

/** A repository of somebody's own, with the platform as its remote. */
async function repository(ref: string, password = planes.apiKey) {
  const folder = await mkdtemp(join(tmpdir(), 'karta-push-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const env = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.com',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.com',
  };
  async function git(...args: string[]): Promise<Pushed> {
    try {
      const { stdout, stderr } = await promisify(execFile)('git', args, { cwd: folder, env });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }
  const url = new URL(`${planes.control.url}/v1/projects/${ref}/git`);
  url.username = 'karta';
  url.password = password;
  await git('init', '--quiet', '--initial-branch=main');
  await git('remote', 'add', 'karta', url.href);
  return {
    git,
    async commit(files: Readonly<Record<string, string>>): Promise<void> {
      await fillFolder(folder, files);
      await git('add', '--all');
      await git('commit', '--quiet', '--message=change');
    },
  };
}

const gitFolders = async () =>
  (await readdir(temporary)).filter((name) => name.startsWith('karta-git-')).length;

test('a push is a publish, told as it goes; the next one is the next version', async () => {
  const { git, commit } = await repository('pushed');
  await commit({
    'AGENTS.md': 'You sell coffee.',
    'karta.toml': '[build]\nsetup = "echo from setup"\n',
  });
  const first = await git('push', 'karta', 'main');
  expect(first.output).toContain('remote: from setup');
  expect(first.output).toContain(`remote: v1 ${await builder.urlOf('pushed')} `);
  expect(first.code).toBe(0);
  await commit({ 'AGENTS.md': 'You sell tea.' });
  const second = await git('push', 'karta', 'main');
  expect(second).toMatchObject({ code: 0, output: expect.stringContaining('remote: v2 ') });
  expect(await builder.control('/v1/projects/pushed')).toMatchObject({
    active_release: { version: 'v2' },
  });
  await expect.poll(gitFolders).toBe(0);
});

test('a push whose build fails is a push that fails, with file and line', async () => {
  const { git, commit } = await repository('wrong');
  await commit({ 'AGENTS.md': 'x', 'karta.toml': '[sandbox]\nmemory_mb = 1\n' });
  const pushed = await git('push', 'karta', 'main');
  expect(pushed.code).not.toBe(0);
  expect(pushed.output).toContain('remote: error: karta.toml:2:');
  expect(pushed.output).toContain('the build failed');
  const { git: other, commit: commitOther } = await repository('wrong');
  await commitOther({ 'AGENTS.md': 'x' });
  const branch = await other('push', 'karta', 'main:elsewhere');
  expect(branch.code).not.toBe(0);
  expect(branch.output).toContain('only the branch main is published');
});

test('a wrong password pushes nothing, and nothing can be fetched', async () => {
  const { git, commit } = await repository('closed', `kt_live_${'a'.repeat(32)}`);
  await commit({ 'AGENTS.md': 'x' });
  const pushed = await git('push', 'karta', 'main');
  expect(pushed.code).not.toBe(0);
  const { git: allowed } = await repository('closed');
  expect((await allowed('fetch', 'karta')).code).not.toBe(0);
  const response = await builder.ask(`${planes.control.url}/v1/projects/closed`);
  expect(response.status).toBe(404);
});
