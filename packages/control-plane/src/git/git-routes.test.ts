import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HttpServer } from '@karta/http';
import pino from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { serveRoutes } from '../http/testing/serve-routes.ts';
import { openGitRepo } from './git-repo.ts';
import { gitRoutes } from './git-routes.ts';
import { localPushRepo } from './local-push-repo.ts';
import type { OpenPushRepo } from './push-repo.ts';

const REF = '/v1/projects/shop/git';
const SILENT = pino({ level: 'silent' });
/** Routes of git for whoever comes, who publishes nothing. */
function serve(openRepo: OpenPushRepo): Promise<HttpServer> {
  const publish = () => Promise.reject(new Error('nothing is published here'));
  return serveRoutes(gitRoutes({ openRepo, log: SILENT, publish }));
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'karta-push-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test('a push that is too large is refused in the words of git, once all of it was heard', async () => {
  const { url } = await serve(async () => localPushRepo(await openGitRepo(1024 * 1024)));
  const work = await folder();
  const git = (...args: string[]) =>
    promisify(execFile)('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], {
      cwd: work,
      env: { PATH: process.env.PATH ?? '', HOME: work, GIT_CONFIG_NOSYSTEM: '1' },
    });
  await git('init', '--quiet', '--initial-branch=main');
  // More than sockets hold: git still sends when it is refused.
  await writeFile(join(work, 'large'), randomBytes(8 * 1024 * 1024));
  await git('add', '--all');
  await git('commit', '--quiet', '--message=large');
  const pushed = await git('push', `${url}${REF}`, 'main').then(
    () => ({ stderr: 'pushed' }),
    (error: { stderr: string }) => error,
  );
  expect(pushed.stderr).toContain('pack exceeds maximum allowed size');
  expect(pushed.stderr).toContain('! [remote rejected] main -> main');
  expect(pushed.stderr).not.toContain('Everything up-to-date');
});

test('of one org few pushes run at once; one that has ended makes room', async () => {
  const waiting: (() => void)[] = [];
  const { url } = await serve(async () => ({
    ask: async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return { status: 200, contentType: 'text/plain', body: nothing() };
    },
    refs: () => Promise.resolve([]),
    archive: expect.fail,
    remove: () => Promise.resolve(),
  }));
  const ask = () => fetch(`${url}${REF}/info/refs?service=git-receive-pack`);
  const running = [ask(), ask(), ask(), ask()];
  await expect.poll(() => waiting.length).toBe(running.length);
  const refused = await ask();
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBe('10');
  for (const answer of waiting.splice(0)) answer();
  for (const answer of await Promise.all(running)) await answer.text();
  const next = ask();
  await expect.poll(() => waiting.length).toBe(1);
  waiting[0]?.();
  expect((await next).status).toBe(200);
});

async function* nothing(): AsyncGenerator<Buffer> {}

test('what git says is no page, whatever it calls it', async () => {
  let removed = 0;
  const { url } = await serve(async () => ({
    ask: async () => ({
      status: 200,
      contentType: 'text/html',
      body: (async function* () {
        yield Buffer.from('<script>');
      })(),
    }),
    refs: () => Promise.resolve([]),
    archive: expect.fail,
    remove: async () => {
      removed += 1;
    },
  }));
  const answer = await fetch(`${url}${REF}/info/refs?service=git-receive-pack`);
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
  expect(await answer.text()).toBe('<script>');
  await expect.poll(() => removed).toBeGreaterThan(0);
});
