import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { type GitRepo, openGitRepo } from './git-repo.ts';
import { localPushRepo } from './local-push-repo.ts';
import { receivePush } from './receive-push.ts';

/** The empty tree, which every repository has. */
const EMPTY_TREE = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

/** A repository to which a commit was pushed. */
async function pushedRepo(): Promise<GitRepo> {
  const repo = await openGitRepo();
  onTestFinished(() => repo.remove());
  const author = ['-c', 'user.name=a', '-c', 'user.email=a@example.com'];
  const inside = ['-C', 'push.git'];
  const commit = await repo.run([...inside, ...author, 'commit-tree', EMPTY_TREE, '-m', 'x']);
  await repo.run([...inside, 'update-ref', 'refs/heads/main', commit.trim()]);
  return repo;
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

test('what git archived arrives whole, however late it is read', async () => {
  const repo = await pushedRepo();
  let ended: Promise<unknown> | undefined;
  const watched: GitRepo = {
    ...repo,
    spawn(args, env) {
      const child = repo.spawn(args, env);
      ended = once(child, 'exit');
      return child;
    },
  };
  let bytes = 0;
  const answer = receivePush({
    repo: localPushRepo(watched),
    answer: nothing(),
    async publish(archive) {
      await ended;
      await setImmediate();
      await setImmediate();
      for await (const chunk of archive) bytes += chunk.length;
      throw new Error('seen');
    },
    failed: expect.fail,
  });
  const told: Buffer[] = [];
  for await (const line of answer) told.push(line);
  expect(Buffer.concat(told).toString()).toContain('not published');
  // A tar archive ends with a block of 10 KiB, also when nothing is in it.
  expect(bytes).toBeGreaterThanOrEqual(10_240);
});
