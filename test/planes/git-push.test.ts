import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { type ClientRequest, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startGitProcesses } from '../../packages/cli/src/supervisor/git-processes.ts';
import { fillFolder } from '../../packages/data-plane/src/releases/testing/temp-folder.ts';
import { descendantsOf } from '../e2e/processes-of.ts';
import { type Builder, builderOn } from './builder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

let planes: TwoPlanes;
let builder: Builder;

/** Where this run makes temporary folders: another run's are not counted. */
let temporary: string;

beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'kg-'));
  // Git runs as a user of its own, which must reach what is inside.
  await chmod(temporary, 0o1777);
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

test('a shallow clone, as build machines make it, can be pushed', async () => {
  const { git, commit } = await repository('shallow');
  await commit({ 'AGENTS.md': 'You sold coffee.' });
  await commit({ 'AGENTS.md': 'You sell tea.' });
  const [remote, root] = [
    (await git('remote', 'get-url', 'karta')).output.trim(),
    (await git('rev-parse', '--show-toplevel')).output.trim(),
  ];
  await git('clone', '--quiet', '--depth=1', `file://${root}`, 'clone');
  const pushed = await git('-C', 'clone', 'push', remote, 'main');
  expect(pushed.output).toContain('remote: v1 ');
  expect(pushed.code).toBe(0);
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

/** A push that has begun and says nothing more, and what is answered to it in the end. */
function slowPush(ref: string): { call: ClientRequest; answer: Promise<string> } {
  const url = `${planes.control.url}/v1/projects/${ref}/git/git-receive-pack`;
  const headers = {
    authorization: `Bearer ${planes.apiKey}`,
    'content-type': 'application/x-git-receive-pack-request',
  };
  const call = request(url, { method: 'POST', headers });
  const answer = new Promise<string>((resolve, reject) => {
    call.once('error', reject);
    call.once('response', async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('latin1')) text += chunk;
      resolve(text);
    });
  });
  // The first half of a line.
  call.write('00');
  return { call, answer };
}

/** Processes of git in a push, once they are there. */
async function gitsOf(): Promise<{ launcher: number; git: number }> {
  let found = { launcher: 0, git: 0 };
  await expect
    .poll(() => {
      const ours = descendantsOf(process.pid);
      const launcher = ours.find(({ command }) => command.includes('push-process-main.ts'));
      const below = launcher ? descendantsOf(launcher.pid) : [];
      const git = below.find(({ command }) => command.includes('receive-pack'));
      found = { launcher: launcher?.pid ?? 0, git: git?.pid ?? 0 };
      return found.git;
    })
    .toBeGreaterThan(0);
  return found;
}

test('git runs in processes of its own, each for one push, which may end at any time', async () => {
  const root = process.getuid?.() === 0;
  const runtimeFolder = await mkdtemp(join(tmpdir(), 'kr-'));
  onTestFinished(() => rm(runtimeFolder, { recursive: true, force: true }));
  await chmod(runtimeFolder, 0o711);
  const told: string[] = [];
  const gits = await startGitProcesses({
    runtimeFolder,
    user: process.getuid?.() ?? 0,
    log: (line) => told.push(line),
  });
  onTestFinished(() => gits.stop());
  await planes.stopControl();
  await planes.startControl({ git_socket: gits.socket });

  const { answer } = slowPush('apart');
  const { launcher, git } = await gitsOf();
  const status = (pid: number, field: string) =>
    new RegExp(`^${field}:\\t(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  const variables = (pid: number) =>
    readFileSync(`/proc/${pid}/environ`, 'utf8').replaceAll(/=[^\0]*/g, '');
  expect(variables(launcher).split('\0').sort().join(' ').trim()).toMatch(/^PATH (PWD )?TMPDIR/);
  if (root) {
    for (const pid of [launcher, git]) {
      expect(status(pid, 'Uid')).toBe('60580\t60580\t60580\t60580');
      expect(status(pid, 'Gid')).toBe('60580\t60580\t60580\t60580');
      expect(status(pid, 'Groups')?.trim()).toBe('');
      expect(status(pid, 'CapEff')).toMatch(/^0+$/);
    }
    // What a hole in git would meet; as root the same commands show that it is there.
    const connect = `require('net').connect(process.argv[1]).once('connect', () => process.exit(0))`;
    for (const wanted of [
      ['cat', join(planes.home, 'credentials.json')],
      ['ls', join(planes.home, 'secrets')],
      ['cat', `/proc/${process.pid}/environ`],
      ['cat', `/proc/${launcher}/environ`],
      ['kill', '-0', String(process.pid)],
      [process.execPath, '-e', connect, gits.socket],
    ]) {
      const as = ['--reuid=60580', '--regid=60580', '--clear-groups', '--', ...wanted];
      const [command = '', ...args] = wanted;
      if (command !== process.execPath) {
        expect(spawnSync(command, args).status, wanted.join(' ')).toBe(0);
      }
      expect(spawnSync('setpriv', as).status, wanted.join(' ')).not.toBe(0);
    }
  }

  process.kill(launcher, 'SIGKILL');
  expect(await answer).toContain('nothing was published, push again');

  const { git: mine, commit } = await repository('apart');
  await commit({ 'AGENTS.md': 'You sell coffee.' });
  const pushed = await mine('push', 'karta', 'main');
  expect(pushed).toMatchObject({ code: 0, output: expect.stringContaining('remote: v1 ') });
  await expect
    .poll(() => descendantsOf(process.pid).map(({ command }) => command))
    .not.toContain(expect.stringContaining('push-process-main.ts'));
  const { answer: last } = slowPush('apart');
  await gitsOf();
  await gits.stop();
  expect(await last).toContain('push again');
  const { git: without } = await repository('apart');
  expect((await without('push', 'karta', 'main')).code).not.toBe(0);
  expect(told.join()).not.toContain('Error');
});
